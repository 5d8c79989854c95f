"""Read the steps' timing logs."""

import json

SLOW_WORK = ["resize picture", "send mail"]  # with these two ended, a sign-up is done


class TimingLog:
    """The timing log of a step: all the files of its processes in one folder."""

    def __init__(self, folder):
        self.folder = folder
        self.offsets = {}  # bytes read so far, by file

    def skip(self):
        """Leave out what has been written until now, without reading it."""
        self.offsets = {path: path.stat().st_size for path in self.files()}

    def new_records(self, with_begun=False):
        """Return the records that were written since the last call, as dictionaries.

        A piece of work has a record of its end and, for those who ask, one of its beginning, whose
        "end" is None.
        """
        records = []
        for path in self.files():
            offset = self.offsets.get(path, 0)
            if path.stat().st_size < offset:  # the file was full, and a new one has taken its place
                full = path.with_name(f"{path.name}.1")
                records += self.read(full, offset)
                offset = 0
            records += self.read(path, offset)
        return [record for record in records if record["end"] or with_begun]

    def files(self):
        return sorted(self.folder.glob("timings.*.jsonl"))

    def read(self, path, offset):
        """Return the records of a file from an offset in bytes on, and keep how far it was read."""
        records = []
        with path.open("rb") as file:
            file.seek(offset)
            for line in file:
                if not line.endswith(b"\n"):  # still being written
                    break
                offset += len(line)
                records.append(json.loads(line))
        self.offsets[path] = offset
        return records


def pieces_of_work(records):
    """Return one record for each piece of work: of its end, or of its beginning if it goes on."""
    pieces = {}
    for record in records:
        piece = tuple(record[key] for key in ["sign_up", "event", "start", "process"])
        if piece not in pieces or record["end"]:
            pieces[piece] = record
    return list(pieces.values())


def under_way(records):
    """Return the records of the slow work that has begun and not ended."""
    slow = [record for record in records if record["event"] in {"fetch joke", *SLOW_WORK}]
    return [record for record in pieces_of_work(slow) if not record["end"]]


class SignUp:
    """What the timing log says of one sign-up with a picture. All times are in seconds.

    `mail_tries`: how often the step tries to send a mail before it gives up. `has_consumer`:
    whether a consumer does the slow work, so that it is the one that a kill hits.
    """

    def __init__(self, records=(), mail_tries=1, has_consumer=False):
        self.records = []  # the latest of each piece of work, in the order of their beginnings
        self.mail_tries, self.has_consumer = mail_tries, has_consumer
        self.kills = []  # when what does the slow work was killed: it was dead by then
        self.add(records)

    def add(self, records):
        """Take further records in, of beginnings and of ends."""
        pieces = pieces_of_work([*self.records, *records])
        self.records = sorted(pieces, key=lambda record: record["start"])

    @property
    def events(self):
        """The latest record of the work that has ended, by event."""
        return {record["event"]: record for record in self.records if record["end"]}

    @property
    def done(self):
        """The names of the pieces of work that were done without an error."""
        return {r["event"] for r in self.records if r["end"] and not r["error"]}

    @property
    def is_done(self):
        """Whether the page came back and nothing is left to do."""
        return all(event in self.events for event in ["sign-up", *SLOW_WORK])

    @property
    def picture_state(self):
        """One of "waiting", "running", "abandoned", "done" and "failed"."""
        return self.state("resize picture")

    @property
    def mail_state(self):
        """One of "waiting", "running", "abandoned", "retrying", "done" and "failed"."""
        joke, mail = self.latest("fetch joke"), self.latest("send mail")
        if self.state("send mail") == "done":
            return "done"
        if joke and (not mail or joke["start"] > mail["start"]):  # the mail follows at once
            return "abandoned" if self.killed_after(joke) else "running"
        if self.state("send mail") == "failed" and len(self.mail_errors) < self.mail_tries:
            return "retrying"
        return self.state("send mail")

    @property
    def mail_errors(self):
        """Why the tries to send the mail failed, the latest last."""
        return [r["error"] for r in self.records if r["event"] == "send mail" and r["error"]]

    @property
    def running(self):
        """The names of the pieces of work that go on, the sign-up as a whole left out."""
        return [
            record["event"]
            for record in self.records
            if record["event"] != "sign-up" and not record["end"] and not self.abandoned_at(record)
        ]

    @property
    def first(self):
        """The record of what began first, in the request's own thread; None before it has."""
        return self.records[0] if self.records else None

    @property
    def request(self):
        """The record of the sign-up as a whole, or None before it has begun."""
        return self.latest("sign-up")

    @property
    def page_seconds(self):
        """How long the visitor waited for the page."""
        return self.request["elapsed"]

    @property
    def done_seconds(self):
        """How long it took until everything was done, counted from the same moment."""
        return max(record["end"] for record in self.records) - self.request["start"]

    @property
    def waited_for(self):
        """Seconds by event, of the pieces of work in the request's own thread."""
        return {
            record["event"]: record["elapsed"]
            for record in self.records
            if record is not self.request and self.row(record) == "request"
        }

    def row(self, record):
        """Return "request" for the request's thread, or else the name of the thread or process."""
        if record["process"] != self.first["process"]:
            return f"worker process, {record['threadName']}"
        if record["threadName"] != self.first["threadName"]:
            return f"thread {record['threadName']}"
        return "request"

    def latest(self, event):
        """Return the record of the latest such piece of work, or None."""
        return next((r for r in reversed(self.records) if r["event"] == event), None)

    def state(self, event):
        """Return "done" if such work was ever done, or else the state of its latest try.

        "waiting": it has not begun.
        """
        if event in self.done:
            return "done"
        record = self.latest(event)
        if record is None:
            return "waiting"
        if record["end"]:
            return "failed"
        return "abandoned" if self.abandoned_at(record) else "running"

    def abandoned_at(self, record):
        """Return when a piece of work was cut off that will never end, or None."""
        if record["end"]:
            return None
        begun_again = (
            other["start"]
            for other in self.records
            if other["event"] == record["event"] and other["start"] > record["start"]
        )
        return self.killed_after(record) or next(begun_again, None)

    def killed_after(self, record):
        """Return when the process was killed that had begun this piece of work, or None."""
        if self.has_consumer and record["process"] == self.first["process"]:
            return None
        return next((at for at in self.kills if at >= record["start"]), None)
