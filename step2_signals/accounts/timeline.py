import time

from .timing import records_of


class Timeline:
    """One sign-up as the page draws it: lanes of bars over time.

    A lane is a thread. Each bar has `left` and `width` in per cent of the whole, `seconds`, and
    `running`, which is true while its work goes on.
    """

    def __init__(self, user):
        self.records = records_of(user)
        now = time.time()
        whole = [record for record in self.records if record["event"] == "sign-up"]
        self.request = whole[0] if whole else None
        if not self.request:  # too long ago: the log keeps the latest sign-ups only
            return
        self.start = self.request["start"]
        ends = {id(record): record["end"] or now for record in self.records}
        self.seconds = max(ends.values()) - self.start
        self.waited = ends[id(self.request)] - self.start
        self.page_back = self.percent(self.waited)
        self.bars = [
            {
                "event": record["event"],
                "lane": self.lane_of(record),
                "begin": record["start"] - self.start,
                "seconds": ends[id(record)] - record["start"],
                "left": self.percent(record["start"] - self.start),
                "width": self.percent(ends[id(record)] - record["start"]),
                "running": not record["end"],
                "error": record["error"],
            }
            for record in self.records
            if record is not self.request
        ]

    @property
    def is_resizing(self):
        return self.is_running("resize picture")

    @property
    def is_sending(self):
        return self.is_running("fetch joke") or self.is_running("send mail")

    def is_running(self, event):
        return any(r["event"] == event and not r["end"] for r in self.records)

    @property
    def lanes(self):
        """The lanes' names with their bars, the request first."""
        lanes = {"request": []}
        for bar in self.bars:
            lanes.setdefault(bar["lane"], []).append(bar)
        return lanes.items()

    def percent(self, seconds):
        return f"{100 * seconds / self.seconds:.3f}"

    def lane_of(self, record):
        """Return "request" for the request's thread, or else the name of the thread or process."""
        if record["process"] != self.request["process"]:
            return f"worker process, {record['threadName']}"
        if record["threadName"] != self.request["threadName"]:
            return f"thread {record['threadName']}"
        return "request"
