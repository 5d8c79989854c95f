"""The timing log: what each piece of work of a sign-up took, and where it ran."""

import json
import logging
import os
import time
from contextlib import suppress
from contextvars import ContextVar
from logging.handlers import RotatingFileHandler
from pathlib import Path

from django.conf import settings
from django.utils.module_loading import import_string

logger = logging.getLogger(__name__)

WEEK = 7 * 24 * 3600  # seconds
FIELDS = {"sign_up", "event", "start", "end", "elapsed", "error", "process", "threadName"}

request_clock = ContextVar("request_clock", default=None)  # set by the middleware


class timed:
    """Logs the block's work for the user's sign-up: a record as it begins, one as it ends.

    `start` and `end` are seconds since the epoch, on the one clock that all processes of a machine
    share; `elapsed` is in seconds. While the work goes on, `end` and `elapsed` are null. An
    exception is recorded in `error`, and raised on. `since` is the moment the work began, if that
    is not now.
    """

    def __init__(self, event, user, since=None):
        self.event, self.user, self.since = event, user, since

    def __enter__(self):
        if clock := request_clock.get():
            clock.belongs_to(self.user)
        self.begin()

    def __exit__(self, kind, error, traceback):
        self.end(repr(error) if error else "", stacklevel=3)  # the line that did the work

    def begin(self):
        self.since = self.since or now()
        self.record = {
            "sign_up": str(self.user.pk),
            "username": self.user.username,
            "event": self.event,
            "start": self.since[0],
            "end": None,
            "elapsed": None,
            "error": "",
        }
        logger.debug("%s for %s begins", self.event, self.user.username, extra=self.record)

    def end(self, error="", stacklevel=2):
        start, started = self.since
        elapsed = time.perf_counter() - started
        logger.log(
            logging.ERROR if error else logging.INFO,
            "%s for %s%s",
            self.event,
            self.user.username,
            error and f" failed: {error}",
            stacklevel=stacklevel,
            extra=self.record | {"elapsed": elapsed, "end": start + elapsed, "error": error},
        )


def now():
    """Return this moment on two clocks, in seconds: since the epoch, and one that never jumps."""
    return time.time(), time.perf_counter()


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
                with suppress(OSError):  # Windows does not remove what is open
                    path.unlink()
        return super()._open()

    def shouldRollover(self, record):
        # The base class's own formats each record a second time, to know its length.
        return self.stream is not None and self.stream.tell() >= self.maxBytes


class ConsoleFormatter(logging.Formatter):
    """Names the package beside the module: accounts.services, not services."""

    def format(self, record):
        record.package = Path(record.pathname).parent.name
        return super().format(record)


def newest_first(folder):
    """Return the log's files, each after the time of its last write, the latest first."""
    found = []
    for path in folder.glob("timings.*.jsonl*"):
        with suppress(FileNotFoundError):  # another process has rotated it away
            found.append((path.stat().st_mtime, path))
    return sorted(found, reverse=True)


def records_of(user):
    """Return the records of the user's sign-up, in order of their start.

    Of work that has ended, only the record of its end. `TIMING_RECORDS` names the function that
    yields the records, where several machines write them.
    """
    read = import_string(getattr(settings, "TIMING_RECORDS", "timing.log.records_in_files"))
    found = {}
    for record in read(user):
        work = (record["event"], record["start"], record["process"])
        if work not in found or record["end"]:
            found[work] = record
    return sorted(found.values(), key=lambda record: record["start"])


def records_in_files(user):
    """Yield the records of the user's sign-up that the processes of this machine have written.

    This looks through the files of processes that have written since the sign-up, at most 1 MB
    each, however many users there are.
    """
    began = user.date_joined.timestamp() - 2  # file systems round by up to two seconds
    for written, path in newest_first(settings.VAR_DIR):
        if written < began:
            break
        yield from records_in(path, str(user.pk))


def records_in(path, sign_up):
    """Yield a file's records of the sign-up, without lines that are damaged or still being written.

    A power cut can leave half a line, and anything in it.
    """
    with suppress(FileNotFoundError), path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if sign_up in line and line.endswith("\n"):
                with suppress(ValueError):
                    record = json.loads(line)
                    if isinstance(record, dict) and record.keys() >= FIELDS:
                        yield record
