import logging
import time
from contextlib import contextmanager

logger = logging.getLogger(__name__)


@contextmanager
def timed(event, user):
    """Log how long the block took as one record that belongs to the user's sign-up.

    The record's `start` and `end` are seconds since the epoch, on the one clock that all
    processes of a machine share; `elapsed` is in seconds; `error` is empty when all went well.
    """
    start = time.time()
    started = time.perf_counter()
    error = ""
    try:
        yield
    except Exception as exception:
        error = repr(exception)
        raise
    finally:
        elapsed = time.perf_counter() - started
        logger.log(
            logging.ERROR if error else logging.INFO,
            "%s for %s%s",
            event,
            user.username,
            error and f" failed: {error}",
            stacklevel=3,  # past this function and contextlib, to the line that did the work
            extra={
                "sign_up": str(user.pk),
                "username": user.username,
                "event": event,
                "start": start,
                "end": start + elapsed,
                "elapsed": elapsed,
                "error": error,
            },
        )
