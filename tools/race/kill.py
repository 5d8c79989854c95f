"""A kill of what does a step's slow work: the server in steps 1 to 3, then the consumer."""

import time


class Kill:
    """One press of a button: a SIGKILL, and the start that follows.

    `at`: when it was dead, and `back_at`: when it was ready again, in seconds since the epoch;
    None before. `zero`: the moment from which the lane counts that it hits, if it hits one.
    """

    def __init__(self, zero=None):
        self.zero = zero
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

    @property
    def words(self):
        if self.problem:
            return f"killed, and not started again: {self.problem}"
        if self.at is None:
            return "being killed ..."
        if self.zero is None:
            back = f"back after {self.back_at - self.at:.1f} s" if self.back_at else ""
            return f"killed, {back or 'starting again ...'}"
        back = f"back at {self.back_at - self.zero:.1f} s" if self.back_at else ""
        return f"killed at {self.at - self.zero:.1f} s, {back or 'starting again ...'}"
