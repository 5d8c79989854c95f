"""What is kept of a race, and what its replay shows at each moment, without any process."""

import json
from types import SimpleNamespace

import pytest

from tools.race.drawing import drawing
from tools.race.recorded import RecordedLane, frames, recorded
from tools.sites.catalogue import ROOT

from .test_lane import BACK, CONSUMER, NEW_CONSUMER, lane_of, work

JOKE = work("fetch joke", 101, 101.4, CONSUMER)
MAIL = work("send mail", 101.4, 102, CONSUMER)
CUT_OFF = work("resize picture", 101, process=CONSUMER)
AGAIN = work("resize picture", 112, 117, NEW_CONSUMER)


@pytest.fixture
def lane():
    """A lane of step 5 that was killed while it resized the picture."""
    lane = lane_of(5, *BACK, JOKE, MAIL, CUT_OFF, AGAIN, answer=True, killed_at=103)
    lane.answered_at, lane.kills[0].pressed_at = 100.8, 102.9
    return lane


@pytest.fixture
def kept(lane):
    race = SimpleNamespace(together=True, started_at=99, lanes=[lane])
    [kept] = json.loads(json.dumps(recorded(race)))["lanes"]
    return kept


def at(kept, moment):
    return drawing(RecordedLane(kept, moment), moment)


def test_end_of_a_replay_is_what_the_live_page_showed(lane, kept):
    *_, last = frames(kept, 99)
    assert last["lane"] == drawing(lane)
    assert last["kill"] == "killed at 3.0 s, back at 10.0 s"
    assert last["later"] == {}


def test_replay_knows_nothing_of_what_comes_later(kept):
    assert at(kept, 98)["state"] == "waiting"
    assert at(kept, 99.5)["doing"] == "the request is on its way"
    waiting = at(kept, 100.2)
    assert (waiting["doing"], waiting["page_is_back"]) == (
        "the visitor waits: hash password",
        False,
    )
    assert [bar["event"] for bar in waiting["bars"]] == ["receive form", "hash password"]
    assert waiting["waited"] == pytest.approx(0.2)
    working = at(kept, 102.5)
    assert (working["picture"], working["mail"]) == ("is being resized", "sent")
    assert (working["waited"], working["kills"]) == (pytest.approx(0.7), [])
    killed = at(kept, 105)
    assert killed["picture"] == "cut off, to be done again when its claim ends"
    assert killed["kills"] == [{"begin": 3, "seconds": 2}]
    assert at(kept, 113)["picture"] == "is being resized again, after the kill"


def test_what_goes_on_grows_until_the_next_change(kept):
    by_moment = {round(frame["at"], 1): frame for frame in frames(kept, 99)}
    hashing = by_moment[1.1]
    assert hashing["lane"]["whole"] == pytest.approx(0.1)
    assert hashing["later"]["whole"] == pytest.approx(0.4)
    assert hashing["later"]["bars"][-1]["seconds"] == pytest.approx(0.3)


def test_recorded_races_are_those_that_the_lessons_tell_of():
    path = ROOT / "notebooks/data/races.json"
    assert path.stat().st_size < 300_000
    _, killed = json.loads(path.read_text(encoding="utf-8"))["races"]
    ends = [at(lane, float("inf")) for lane in killed["lanes"]]
    assert [end["lost"] for end in ends] == ["picture"] * 4 + [""]
    assert ends[-1]["picture"] == "resized again, after the kill"
