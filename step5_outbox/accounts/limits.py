"""A limit on the whole of a conversation with a server.

The time-out of a socket limits each silence: a server that sends a byte every four seconds is
never silent for five.
"""

import time
from concurrent.futures import Future
from threading import BoundedSemaphore, Thread

MAX_CONVERSATIONS = 50  # with a server at once, those that were given up included

# Each server has its own, or one whose conversations never end would keep the other from its work.
joke_places = BoundedSemaphore(MAX_CONVERSATIONS)
mail_places = BoundedSemaphore(MAX_CONVERSATIONS)


def within(seconds, places, function, *args):
    """Return what the function returns, or raise TimeoutError after so many seconds.

    The function runs in a thread of its own. One that takes too long is left there, and keeps its
    place, until its server hangs up. It must not use the database, where this thread would have
    another connection. When no thread can be started, it runs in this one, without a limit.
    """
    deadline = time.monotonic() + seconds
    if not places.acquire(timeout=seconds):
        raise TimeoutError(f"{MAX_CONVERSATIONS} others have not ended after {seconds} s")
    result = Future()

    def run():
        try:
            result.set_result(function(*args))
        except Exception as error:
            result.set_exception(error)
        finally:
            places.release()

    try:
        Thread(target=run, daemon=True).start()
    except RuntimeError:  # none is left; or the process is ending, and Python 3.12 starts no more
        run()
    try:
        return result.result(timeout=max(0, deadline - time.monotonic()))
    except TimeoutError as error:
        raise TimeoutError(str(error) or f"not done after {seconds} s") from error
