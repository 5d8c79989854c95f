"""Reads the timing log. Page, demo, race, checker and notebooks all read it here."""

import json
from contextlib import suppress

from django.conf import settings
from django.utils.module_loading import import_string

WEEK = 7 * 24 * 3600  # seconds
TEXTS = ["sign_up", "event", "error", "threadName"]


class TimingLog:
    """The timing log of a step, read as it grows: all the files of its processes in one folder."""

    def __init__(self, folder):
        self.folder = folder
        self.offsets = {}  # bytes read so far, by file

    def skip(self):
        """Skip the records that have been written until now, without reading them."""
        self.offsets = {path: size_of(path) for path in self.folder.glob("timings.*.jsonl")}

    def new_records(self, with_begun=False):
        """Return the records that were written since the last call, as dictionaries.

        A piece of work has a record of its end and, with `with_begun`, one of its beginning, whose
        "end" is None.
        """
        records = []
        for path in sorted(self.folder.glob("timings.*.jsonl")):
            offset = self.offsets.get(path, 0)
            if size_of(path) < offset:  # the file was full, and a new one has taken its place
                found, _ = read(path.with_name(f"{path.name}.1"), offset)
                records += found
                offset = 0
            found, self.offsets[path] = read(path, offset)
            records += found
        return [record for record in records if record["end"] or with_begun]


def read(path, offset=0, only=""):
    """Return the file's records from an offset in bytes on, and the offset to go on from.

    With `only`, those of lines that contain this text. A file that was removed or rotated away
    meanwhile has none. A line that is still being written is left for later; one that a power cut
    has damaged is left out.
    """
    records, only = [], only.encode()
    with suppress(FileNotFoundError), path.open("rb") as file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                break
            offset += len(line)
            if only in line and (record := parse(line)):
                records.append(record)
    return records, offset


def parse(line):
    """Return the line's record, or None if it isn't one."""
    try:
        record = json.loads(line)
        is_right = (
            all(isinstance(record[name], str) for name in TEXTS)
            and isinstance(record["start"], float | int)
            and isinstance(record["end"], float | int | None)
            and isinstance(record["elapsed"], float | int | None)
            and isinstance(record["process"], int)
        )
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return record if is_right else None


def size_of(path):
    """Return the file's size in bytes, 0 if it has been removed meanwhile."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def newest_first(folder):
    """Return the log's files, each after the time of its last write, the latest first."""
    found = []
    for path in folder.glob("timings.*.jsonl*"):
        with suppress(FileNotFoundError):  # another process has rotated it away
            found.append((path.stat().st_mtime, path))
    return sorted(found, reverse=True)


def pieces_of_work(records):
    """Return one record for each piece of work, sorted by their beginnings.

    It is the record of its end, or of its beginning if it goes on.
    """
    pieces = {}
    for record in records:
        piece = tuple(record[key] for key in ["sign_up", "event", "start", "process"])
        if piece not in pieces or record["end"]:
            pieces[piece] = record
    return sorted(pieces.values(), key=lambda record: record["start"])


def records_of(user):
    """Return the records of the user's sign-up, one for each piece of work.

    The setting `TIMING_RECORDS` names the function that finds the records, where several machines
    write them.
    """
    find = import_string(getattr(settings, "TIMING_RECORDS", "timing.records.records_in_files"))
    return pieces_of_work(find(user))


def records_in_files(user):
    """Yield the records of the user's sign-up that the processes of this machine have written.

    This looks through the files of processes that have written since the sign-up, at most 1 MB
    each, however many users there are.
    """
    began = user.date_joined.timestamp() - 2  # file systems round by up to two seconds
    for written, path in newest_first(settings.VAR_DIR):
        if written < began:
            break
        records, _ = read(path, only=str(user.pk))
        yield from records
