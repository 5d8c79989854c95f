"""A lane as the page draws it."""

import time


def drawing(lane, now=None):
    """Return what the page shows of a lane. Times are in seconds from the lane's zero on.

    `now`: the moment of a recorded race that is replayed, in seconds since the epoch.
    """
    drawn = {
        "step": lane.step.number,
        "username": lane.visitor.username,
        "state": lane.state,
        "doing": lane.doing,
        "problem": lane.problem,
        "waited": None,
        "page_is_back": False,
        "whole": None,
        "picture": picture_words(lane),
        "mail": mail_words(lane),
        "lost": lost(lane),
        "bars": [],
        "kills": [],
    }
    if lane.answer is None or not (lane.sign_up.first or lane.kills):
        return drawn
    return drawn | times(lane, now or time.time())


def times(lane, now):
    sign_up, zero = lane.sign_up, lane.zero
    kills = [kill for kill in lane.kills if kill.at]
    # What a lane that is over still shows as running is no longer watched.
    known = [kill.back_at or kill.at for kill in kills]
    known += [r["end"] or sign_up.abandoned_at(r) or r["start"] for r in sign_up.records]
    if lane.is_over and not sign_up.running:
        now = max(known)

    def end(record):
        return record["end"] or sign_up.abandoned_at(record) or now

    request = sign_up.request
    return {
        "waited": end(request) - zero if request else (kills[0].at if kills else now) - zero,
        "page_is_back": bool(request and request["end"]),
        "whole": now - zero,
        "bars": [
            {
                "event": record["event"],
                "row": sign_up.lane(record),
                "begin": record["start"] - zero,
                "seconds": end(record) - record["start"],
                "running": not record["end"] and not sign_up.abandoned_at(record),
                "abandoned": bool(sign_up.abandoned_at(record)),
                "error": record["error"],
            }
            for record in sign_up.records
            if record is not request
        ],
        "kills": [
            {"begin": kill.at - zero, "seconds": (kill.back_at or now) - kill.at} for kill in kills
        ],
    }


def picture_words(lane):
    match lane.picture_state:
        case "failed":
            return f"failed: {lane.sign_up.latest('resize picture')['error']}"
        case "abandoned":
            return comes_back(lane)
        case state:
            words = {"waiting": "waits", "running": "is being resized", "done": "resized"}
            return words.get(state, state) + again(lane, "resize picture")


def mail_words(lane):
    state, errors = lane.mail_state, lane.sign_up.mail_errors
    match state:
        case "failed":
            return f"failed for good, after {count(errors)}: {errors[-1]}"
        case "retrying":
            return f"will be tried again, after {count(errors)}: {errors[-1]}"
        case "abandoned":
            return comes_back(lane)
    words = {"waiting": "waits", "running": "is being sent", "done": "sent"}.get(state, state)
    words += again(lane, "fetch joke")
    return f"{words}, after {count(errors)} that failed" if errors else words


def comes_back(lane):
    return "cut off, to be done again when its claim ends" if lane.step.has_outbox else "cut off"


def again(lane, event):
    """Return what to add to the words for work that was begun again after a kill."""
    sign_up = lane.sign_up
    begun = [record for record in sign_up.records if record["event"] == event]
    return " again, after the kill" if any(map(sign_up.killed_after, begun[:-1])) else ""


def count(tries):
    return "1 try" if len(tries) == 1 else f"{len(tries)} tries"


def lost(lane):
    """Return what was lost to a kill, in words, or ""."""
    states = {"mail": lane.mail_state, "picture": lane.picture_state}
    lost = [name for name, state in states.items() if state == "lost"]
    if lost and "create profile" not in lane.sign_up.events:
        return ", ".join(["user", *lost[:-1]]) + f" and {lost[-1]}"
    return " and ".join(lost)
