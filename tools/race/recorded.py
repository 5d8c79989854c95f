"""A recorded race, and what the page shows of it at any moment."""

import json
from itertools import pairwise

from ..sites.catalogue import BY_NUMBER
from .drawing import drawing
from .kill import Kill
from .lane import Lane

FIELDS = ["sign_up", "event", "start", "end", "error", "process", "threadName"]  # of the timing log


def recorded(race):
    """Return what is kept of a race that is over: the timing log, the kills and the answers."""
    return {
        "together": race.together,
        "started_at": race.started_at,
        "lanes": [
            {
                "step": lane.step.number,
                "username": lane.visitor.username,
                "sent_at": lane.sent_at,
                "answered_at": lane.answered_at,
                "request_seconds": lane.request_seconds,
                "problem": lane.problem,
                "kills": [[kill.pressed_at, kill.at, kill.back_at] for kill in lane.kills],
                "records": [{f: record[f] for f in FIELDS} for record in lane.sign_up.records],
            }
            for lane in race.lanes
        ],
    }


def moments(lane):
    """Return when something changed in a recorded lane, in order."""
    found = {lane["sent_at"], lane["answered_at"]}
    found |= {moment for kill in lane["kills"] for moment in kill}
    found |= {record[side] for record in lane["records"] for side in ["start", "end"]}
    return sorted(found - {None})


class RecordedLane(Lane):
    """A recorded lane as it was at a moment: what had not happened yet is left out."""

    def __init__(self, lane, now):
        super().__init__(BY_NUMBER[lane["step"]], "", None, lane["username"])
        self.sent_at = lane["sent_at"]
        self.answer = True if self.sent_at <= now else None
        if lane["answered_at"] <= now:
            self.request_seconds, self.problem = lane["request_seconds"], lane["problem"]
        for times in lane["kills"]:
            if times[0] <= now:
                self.kills.append(kill := Kill())
                kill.pressed_at, kill.at, kill.back_at = (t if t <= now else None for t in times)
        begun = [record for record in lane["records"] if record["start"] <= now]
        self.sign_up.add(
            record if record["end"] and record["end"] <= now else record | {"end": None}
            for record in begun
        )
        self.sign_up.kills = [kill.at for kill in self.kills if kill.at]
        self.is_over = moments(lane)[-1] <= now


def frames(lane, started_at):
    """Yield what the page shows of a lane from each change on, in seconds since the race's start.

    "later" has what will differ just before the next change: what goes on grows until then.
    """
    changes = [started_at, *moments(lane)]
    for now, then in pairwise([*changes, changes[-1]]):
        at_now = RecordedLane(lane, now)
        shown, later = drawing(at_now, now), drawing(at_now, then)
        yield {
            "at": now - started_at,
            "kill": at_now.kills[-1].words(at_now.zero) if at_now.kills else "",
            "lane": shown,
            "later": {name: value for name, value in later.items() if value != shown[name]},
        }


def replay(recorded_races):
    """Return what replay.js plays: the frames of each recorded race, times to a millisecond."""
    races = [
        {
            "title": race["title"],
            "together": race["together"],
            "lanes": [list(frames(lane, race["started_at"])) for lane in race["lanes"]],
        }
        for race in recorded_races
    ]
    return json.loads(json.dumps(races), parse_float=lambda text: round(float(text), 3))
