import time

from .log import records_of

ABANDONED = 60  # seconds; no piece of work takes so long, so whoever was at it has been killed


class Timeline:
    """One sign-up as the page draws it: lanes of bars over time.

    A lane is a thread. Each bar has `left` and `width` in per cent of the whole, `seconds`, and
    `state`: "done", "running", "failed", or "abandoned" if it was begun and never ended.
    """

    def __init__(self, user):
        self.now = time.time()
        self.records = records_of(user)
        self.request = next((r for r in self.records if r["event"] == "sign-up"), None)
        if not self.request:  # too long ago: the log keeps the latest sign-ups only
            return
        self.start = self.request["start"]
        self.seconds = max(self.end_of(record) for record in self.records) - self.start
        self.waited = self.end_of(self.request) - self.start
        self.page_back = self.percent(self.waited)
        self.bars = [self.bar(record) for record in self.records if record is not self.request]

    @property
    def is_running(self):
        """Whether a piece of work is going on."""
        return any(bar["state"] == "running" for bar in self.bars)

    @property
    def lanes(self):
        """The lanes' names with their bars, the request first."""
        lanes = {"request": []}
        for bar in self.bars:
            lanes.setdefault(bar["lane"], []).append(bar)
        return lanes.items()

    def bar(self, record):
        begin, end = record["start"] - self.start, self.end_of(record) - self.start
        return {
            "event": record["event"],
            "lane": self.lane_of(record),
            "begin": begin,
            "seconds": end - begin,
            "left": self.percent(begin),
            "width": self.percent(end - begin),
            "state": self.state_of(record),
            "error": record["error"],
        }

    def state_of(self, record):
        if record["end"]:
            return "failed" if record["error"] else "done"
        begun_again = any(
            other["event"] == record["event"] and other["start"] > record["start"]
            for other in self.records
        )
        old = self.now - record["start"] > ABANDONED
        return "abandoned" if begun_again or old else "running"

    def end_of(self, record):
        """Return when the work ended: now if it goes on, and at once if nobody knows."""
        if record["end"]:
            return record["end"]
        return self.now if self.state_of(record) == "running" else record["start"]

    def percent(self, seconds):
        return f"{100 * seconds / self.seconds:.3f}" if self.seconds else "0"

    def lane_of(self, record):
        """Return "request" for the request's thread, or else the name of the thread or process.

        A log of several machines names the host of another process.
        """
        if record["process"] != self.request["process"]:
            return f"{record.get('host', 'worker process')}, {record['threadName']}"
        if record["threadName"] != self.request["threadName"]:
            return f"thread {record['threadName']}"
        return "request"
