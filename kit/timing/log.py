"""The timing log: how long each piece of work of a sign-up took, and where it ran."""

import logging
import os
import time
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from logging.handlers import RotatingFileHandler
from pathlib import Path

from .records import WEEK, newest_first

logger = logging.getLogger(__name__)

request_clock = ContextVar("request_clock", default=None)  # set by the middleware


@contextmanager
def timed(event, user):
    """Log the block's work for the user's sign-up: one record when it begins, one when it ends.

    An exception is recorded in `error`, and raised again.
    """
    if clock := request_clock.get():
        clock.belongs_to(user)
    error, since = "", now()
    log_begin(event, user, since)
    try:
        yield
    except BaseException as exception:
        error = repr(exception)
        raise
    finally:
        log_end(event, user, since, error, stacklevel=4)  # the line that did the work


def now():
    """Return this moment on two clocks, in seconds: since the epoch, and one that never jumps."""
    return time.time(), time.perf_counter()


def log_begin(event, user, since):
    """Log that the work began at the moment `since`; `end` and `elapsed` are null until it ends."""
    times = {"start": since[0], "end": None, "elapsed": None}
    logger.debug("%s for %s begins", event, user.username, extra=fields(event, user) | times)


def log_end(event, user, since, error="", stacklevel=2):
    """Log that the work has ended now, with the exception's text if it failed.

    `start` and `end` are seconds since the epoch, on the one clock that all processes of a machine
    share; `elapsed` is in seconds.
    """
    start, started = since
    elapsed = time.perf_counter() - started
    times = {"start": start, "end": start + elapsed, "elapsed": elapsed}
    logger.log(
        logging.ERROR if error else logging.INFO,
        "%s for %s%s",
        event,
        user.username,
        error and f" failed: {error}",
        stacklevel=stacklevel,
        extra=fields(event, user, error) | times,
    )


def fields(event, user, error=""):
    return {"sign_up": str(user.pk), "username": user.username, "event": event, "error": error}


def logging_config(var_dir, step):
    """Return Django's LOGGING: messages and timings on the console, timings also in `var_dir`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "message": {"format": "%(asctime)s %(levelname)s %(name)s:%(lineno)d - %(message)s"},
            "timing": {
                "()": "timing.log.ConsoleFormatter",
                "format": "%(asctime)s %(levelname)s %(package)s.%(module)s:%(lineno)d"
                " [%(elapsed).3fs] - %(message)s",
            },
            "json": {
                "()": "pythonjsonlogger.json.JsonFormatter",
                "format": "%(process)d %(threadName)s %(message)s",
                "static_fields": {"step": step},
            },
        },
        "handlers": {
            "messages": {"class": "logging.StreamHandler", "formatter": "message"},
            "timings": {"class": "logging.StreamHandler", "formatter": "timing", "level": "INFO"},
            "timings_file": {
                "()": "timing.log.TimingFileHandler",
                "folder": var_dir,
                "formatter": "json",
            },
        },
        "loggers": {
            "accounts": {"handlers": ["messages"], "level": "INFO"},
            "timing": {
                "handlers": ["timings", "timings_file"],
                "level": "DEBUG",  # records of a beginning go to the file only
                "propagate": False,
            },
        },
    }


class TimingFileHandler(RotatingFileHandler):
    """Writes to a file of this process, because several can't safely write to one everywhere.

    A process keeps at most 1 MB; files that nobody has written to for a week are removed.
    """

    def __init__(self, folder):
        self.folder = folder
        path = folder / f"timings.{os.getpid()}.jsonl"
        super().__init__(path, maxBytes=500_000, backupCount=1, encoding="utf-8", delay=True)

    def _open(self):
        for written, path in newest_first(self.folder):
            if written < time.time() - WEEK:
                with suppress(OSError):  # Windows doesn't remove a file that is open
                    path.unlink()
        return super()._open()

    def shouldRollover(self, record):
        # The base class's own formats each record a second time, to know its length.
        return self.stream is not None and self.stream.tell() >= self.maxBytes

    def doRollover(self):
        with suppress(
            PermissionError
        ):  # on Windows, while somebody reads it: the next record tries
            super().doRollover()


class ConsoleFormatter(logging.Formatter):
    """Names the package beside the module: accounts.services, not services."""

    def format(self, record):
        record.package = Path(record.pathname).parent.name
        return super().format(record)
