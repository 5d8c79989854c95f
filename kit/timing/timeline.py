import time

from .records import records_of
from .sign_up import SignUp

ABANDONED = 60  # seconds; no piece of work takes so long, so its process must have been killed


class Timeline(SignUp):
    """One sign-up as the page draws it: lanes of bars over time.

    A lane is a thread. Each bar has `left` and `width` in per cent of the whole, `seconds`, and
    `state`: "done", "running", "failed", or "abandoned" if it was begun and never ended.
    """

    def __init__(self, user):
        super().__init__(records_of(user))
        self.now = time.time()
        if not self.request:  # too long ago: the log keeps the latest sign-ups only
            return
        self.start = self.request["start"]
        self.seconds = max(map(self.end_of, self.records)) - self.start
        self.waited = self.end_of(self.request) - self.start
        self.page_back = self.percent(self.waited)
        self.bars = [self.bar(record) for record in self.records if record is not self.request]

    @property
    def is_running(self):
        """Whether a piece of work is going on."""
        return bool(self.running)

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
            "lane": self.lane(record),
            "begin": begin,
            "seconds": end - begin,
            "left": self.percent(begin),
            "width": self.percent(end - begin),
            "state": self.state_of(record),
            "error": record["error"],
        }

    def abandoned_at(self, record):
        is_old = not record["end"] and self.now - record["start"] > ABANDONED
        return super().abandoned_at(record) or (record["start"] if is_old else None)

    def end_of(self, record):
        """Return when the work ended: now if it goes on, and its start if nobody knows."""
        if record["end"]:
            return record["end"]
        return record["start"] if self.abandoned_at(record) else self.now

    def percent(self, seconds):
        return f"{100 * seconds / self.seconds:.3f}" if self.seconds else "0"
