"""A limit on the whole of a conversation with a server.

A socket's timeout limits each wait for data. A server that sends a byte every four seconds never
reaches a timeout of five.
"""

import contextvars
import time
from concurrent.futures import Future
from threading import BoundedSemaphore, Thread

MAX_CONVERSATIONS = 50  # with a server at the same time, including those that were given up


def conversation_slots():
    """Return a semaphore. Each server needs its own, or a stuck one would block the others."""
    return BoundedSemaphore(MAX_CONVERSATIONS)


def run_within(seconds, slots, function, *args):
    """Return the function's result, or raise TimeoutError after so many seconds.

    The function runs in another thread, with the caller's context variables. If it takes too long,
    it is left running and keeps its slot until its server hangs up. It must not use the database:
    each thread has a connection of its own. When no thread can be started, it runs in the caller's,
    without a limit.
    """
    deadline = time.monotonic() + seconds
    if not slots.acquire(timeout=seconds):
        raise TimeoutError(f"{MAX_CONVERSATIONS} others have not ended after {seconds} s")
    result = Future()
    context = contextvars.copy_context()

    def run():
        try:
            result.set_result(context.run(function, *args))
        except Exception as error:
            result.set_exception(error)
        finally:
            slots.release()

    try:
        Thread(target=run, daemon=True).start()
    except RuntimeError:  # the limit of threads; or Python 3.12 and later while a process ends
        run()
    try:
        return result.result(timeout=max(0, deadline - time.monotonic()))
    except TimeoutError as error:
        raise TimeoutError(str(error) or f"not done after {seconds} s") from error
