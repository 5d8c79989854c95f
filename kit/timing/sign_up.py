"""One sign-up in the timing log: which work runs, has ended, was abandoned or began again."""

from .records import pieces_of_work

SLOW_WORK = ["resize picture", "send mail"]  # with these two ended, a sign-up is done
HOPELESS = ("RecipientRefused", "NoAddress")  # errors after which no step tries again


def under_way(records):
    """Return the records of the slow work that has begun and not ended."""
    slow = [record for record in records if record["event"] in {"fetch joke", *SLOW_WORK}]
    return [record for record in pieces_of_work(slow) if not record["end"]]


def lane_of(record, request):
    """Return "request" for the request's thread, or else the name of the thread or process.

    A log of several machines names the host of another process.
    """
    if record["process"] != request["process"]:
        return f"{record.get('host', 'worker process')}, {record['threadName']}"
    if record["threadName"] != request["threadName"]:
        return f"thread {record['threadName']}"
    return "request"


class SignUp:
    """One sign-up with a picture, as in the timing log. All times are in seconds.

    `mail_tries`: how often the step tries to send a mail before it gives up. `has_consumer`:
    whether a consumer does the slow work, so that it is the one that a kill hits.
    """

    def __init__(self, records=(), mail_tries=1, has_consumer=False):
        self.records = []  # the latest of each piece of work, in the order of their beginnings
        self.mail_tries, self.has_consumer = mail_tries, has_consumer
        self.kills = []  # when the process that does the slow work was killed; it was dead by then
        self.add(records)

    def add(self, records):
        """Take further records in, of beginnings and of ends."""
        self.records = pieces_of_work([*self.records, *records])

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
        if joke and (not mail or joke["start"] > mail["start"]):  # the mail follows immediately
            return "abandoned" if self.killed_after(joke) else "running"
        state, errors = self.state("send mail"), self.mail_errors
        if state == "failed" and len(errors) < self.mail_tries:
            return "failed" if errors[-1].startswith(HOPELESS) else "retrying"
        return state

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
            if record["event"] != "sign-up" and self.state_of(record) == "running"
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
            if record is not self.request and self.lane(record) == "request"
        }

    def lane(self, record):
        return lane_of(record, self.first)

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
        return self.state_of(record) if record else "waiting"

    def state_of(self, record):
        """Return the state of this piece of work: "running", "abandoned", "done" or "failed"."""
        if record["end"]:
            return "failed" if record["error"] else "done"
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
