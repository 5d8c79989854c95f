"""A kill of what does a step's slow work: the server in steps 1 to 3, then the consumer."""

import time


class Kill:
    """One press of a button: a SIGKILL, and the start that follows.

    `pressed_at`, `at`: when it was dead, `back_at`: when it was ready again, in seconds since the
    epoch; the latter two are None before.
    """

    def __init__(self):
        self.pressed_at = time.time()
        self.at = self.back_at = None
        self.problem = ""
        self.is_over = False

    def run(self, site):
        """Kill and start again, however long that takes."""
        try:
            site.kill()
            self.at = time.time()
            site.start_again()
            self.back_at = time.time()
        except Exception as error:
            self.problem = str(error)
        finally:
            self.is_over = True

    def words(self, zero=None):
        """Say how far it is; `zero` is the moment from which a lane counts that it has hit."""
        if self.problem:
            return f"killed, and not started again: {self.problem}"
        if self.at is None:
            return "being killed ..."
        if zero is None:
            back = f"back after {self.back_at - self.at:.1f} s" if self.back_at else ""
            return f"killed, {back or 'starting again ...'}"
        back = f"back at {self.back_at - zero:.1f} s" if self.back_at else ""
        return f"killed at {self.at - zero:.1f} s, {back or 'starting again ...'}"
