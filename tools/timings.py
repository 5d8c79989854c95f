"""Read the steps' timing logs."""

import json

SLOW_WORK = ["resize picture", "send mail"]  # with these two ended, a sign-up is done


class TimingLog:
    """The timing log of a step: all the files of its processes in one folder."""

    def __init__(self, folder):
        self.folder = folder
        self.offsets = {}  # bytes read so far, by file

    def new_records(self):
        """Return the records that were written since the last call, as dictionaries."""
        records = []
        for path in sorted(self.folder.glob("timings.*.jsonl")):
            with path.open("rb") as file:
                file.seek(self.offsets.get(path, 0))
                for line in file:
                    if not line.endswith(b"\n"):  # still being written
                        break
                    self.offsets[path] = self.offsets.get(path, 0) + len(line)
                    records.append(json.loads(line))
        return records


class SignUp:
    """What the timing log says of one sign-up with a picture. All times are in seconds."""

    def __init__(self, records):
        self.records = records
        self.events = {record["event"]: record for record in records}

    @property
    def is_done(self):
        """Whether the page came back and nothing is left to do."""
        return all(event in self.events for event in ["sign-up", *SLOW_WORK])

    @property
    def page_seconds(self):
        """How long the visitor waited for the page."""
        return self.events["sign-up"]["elapsed"]

    @property
    def done_seconds(self):
        """How long it took until everything was done, counted from the same moment."""
        return max(record["end"] for record in self.records) - self.events["sign-up"]["start"]

    @property
    def waited_for(self):
        """Seconds by event, of the pieces of work in the request's own thread."""
        request = self.events["sign-up"]
        thread = (request["process"], request["threadName"])
        return {
            record["event"]: record["elapsed"]
            for record in self.records
            if record is not request and (record["process"], record["threadName"]) == thread
        }
