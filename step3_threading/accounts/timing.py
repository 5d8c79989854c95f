import json
import logging
import os
import time
from contextlib import contextmanager, suppress
from logging.handlers import RotatingFileHandler

from django.conf import settings

logger = logging.getLogger(__name__)

WEEK = 7 * 24 * 3600  # seconds


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


def newest_first(folder):
    """Return the log's files, each after the time of its last write, the latest first."""
    found = []
    for path in folder.glob("timings.*.jsonl*"):
        with suppress(FileNotFoundError):  # another process has rotated it away
            found.append((path.stat().st_mtime, path))
    return sorted(found, reverse=True)


@contextmanager
def timed(event, user):
    """Log what the block does for the user's sign-up: one record as it begins, one as it ends.

    `start` and `end` are seconds since the epoch, on the one clock that all processes of a machine
    share; `elapsed` is in seconds. While the work goes on, `end` and `elapsed` are null.
    """
    start = time.time()
    started = time.perf_counter()
    record = {
        "sign_up": str(user.pk),
        "username": user.username,
        "event": event,
        "start": start,
        "end": None,
        "elapsed": None,
        "error": "",
    }
    logger.debug("%s for %s begins", event, user.username, extra=record)
    try:
        yield
    except Exception as exception:
        record["error"] = repr(exception)
        raise
    finally:
        record["elapsed"] = time.perf_counter() - started
        record["end"] = start + record["elapsed"]
        logger.log(
            logging.ERROR if record["error"] else logging.INFO,
            "%s for %s%s",
            event,
            user.username,
            record["error"] and f" failed: {record['error']}",
            stacklevel=3,  # past this function and contextlib, to the line that did the work
            extra=record,
        )


def records_of(user):
    """Return the records of the user's sign-up, in order of their start.

    Of work that has ended, only the record of its end. This looks through the files of processes
    that have written since the sign-up, at most 1 MB each, however many users there are.
    """
    key = str(user.pk)
    began = user.date_joined.timestamp() - 2  # file systems round by up to two seconds
    found = {}
    for written, path in newest_first(settings.VAR_DIR):
        if written < began:
            break
        with suppress(FileNotFoundError), path.open(encoding="utf-8") as file:
            for line in file:
                if key in line and line.endswith("\n"):  # else it is still being written
                    record = json.loads(line)
                    work = (record["event"], record["start"], record["process"])
                    if work not in found or record["end"]:
                        found[work] = record
    return sorted(found.values(), key=lambda record: record["start"])
