"""What the race makes of a timing log, of an answer and of a kill, without any process."""

from concurrent.futures import Future
from types import SimpleNamespace

import pytest
import requests
from timing.sign_up import SignUp
from urllib3.exceptions import ProtocolError

from tools.race.drawing import drawing
from tools.race.kill import Kill
from tools.race.lane import Lane
from tools.sites.catalogue import BY_NUMBER
from tools.sites.processes import StartError

SERVER, CONSUMER, NEW_CONSUMER = 10, 20, 15  # process ids
CUT = "the connection was cut: the visitor got no answer"


def work(event, start, end=None, process=SERVER, error=""):
    return {
        "username": "ada",
        "sign_up": "1",
        "event": event,
        "start": start,
        "end": end,
        "elapsed": end and end - start,
        "process": process,
        "threadName": "MainThread",
        "error": error,
    }


SAVED = [
    work("sign-up", 100),
    work("receive form", 100, 100.1),
    work("hash password", 100.1, 100.4),
    work("save user", 100.4, 100.5),
    work("create profile", 100.5, 100.6),
]
BACK = [work("sign-up", 100, 100.7), *SAVED[1:]]


class Log:
    def __init__(self, records):
        self.records = records

    def new_records(self, with_begun):
        records, self.records = self.records, []
        return records


def lane_of(number, *records, answer=None, killed_at=None, back_at=110):
    """Return a lane of step `number`, looked at once."""
    lane = Lane(BY_NUMBER[number], "http://127.0.0.1:1", None, "ada")
    lane.timing_log = Log(records)
    lane.sent_at, lane.deadline = 99, float("inf")
    lane.answer = Future()
    if isinstance(answer, Exception):
        lane.answer.set_exception(answer)
    elif answer:
        elapsed = SimpleNamespace(total_seconds=lambda: 0.7)
        lane.answer.set_result(SimpleNamespace(status_code=302, elapsed=elapsed))
    if killed_at:
        kill = Kill()
        kill.at, kill.back_at, kill.is_over = killed_at, back_at, bool(back_at)
        lane.kills.append(kill)
    lane.look()
    return lane


def cut():
    return requests.ConnectionError(ProtocolError("Connection aborted."))


@pytest.mark.parametrize(
    ("records", "lost"),
    [
        ([], "user, mail and picture"),
        (SAVED[:4], "user, mail and picture"),
        (SAVED, "mail and picture"),
        ([*SAVED, work("fetch joke", 100.7)], "mail and picture"),
        ([*SAVED, work("fetch joke", 100.7, 101)], "mail and picture"),
        ([*SAVED, work("send mail", 101, 102), work("resize picture", 102)], "picture"),
    ],
)
def test_killed_server_loses_whatever_is_not_done(records, lost):
    drawn = drawing(lane_of(1, *records, answer=cut(), killed_at=103))
    assert (drawn["state"], drawn["problem"], drawn["lost"]) == ("failed", CUT, lost)
    assert drawn["waited"] == pytest.approx(103 - (100 if records else 99))
    assert drawn["whole"] == pytest.approx(110 - (100 if records else 99))
    assert not any(bar["running"] for bar in drawn["bars"])


def test_killed_consumer_loses_only_what_it_had_begun():
    resize = work("resize picture", 101, process=CONSUMER)
    lane = lane_of(4, *BACK, resize, answer=True, killed_at=103)
    assert drawing(lane)["lost"] == "picture"
    assert (lane.mail_state, lane.is_over) == ("waiting", False)
    lane.timing_log.records = [
        work("fetch joke", 111, 112, NEW_CONSUMER),
        work("send mail", 112, 113, NEW_CONSUMER),
    ]
    assert lane.look()
    assert (lane.mail_state, lane.state) == ("done", "failed")


def test_mail_is_lost_between_its_joke_and_itself():
    joke = work("fetch joke", 101, 102, CONSUMER)
    assert lane_of(4, *BACK, joke, answer=True, killed_at=103).mail_state == "lost"
    assert lane_of(4, *BACK, joke, answer=True, killed_at=100.9).mail_state == "running"


def test_killed_consumer_does_not_touch_the_request():
    lane = lane_of(4, *SAVED, killed_at=103)
    assert drawing(lane)["lost"] == ""
    assert not lane.sign_up.abandoned_at(SAVED[0])


def test_lane_is_not_over_before_its_site_is_back():
    lane = lane_of(1, *SAVED, answer=cut(), killed_at=103, back_at=None)
    assert (lane.is_over, drawing(lane)["problem"]) == (False, CUT)


def test_work_that_begins_again_was_abandoned_whoever_killed_it():
    old, new = work("resize picture", 101), work("resize picture", 105, process=NEW_CONSUMER)
    sign_up = SignUp([*BACK, old, new])
    assert (sign_up.abandoned_at(old), sign_up.abandoned_at(new)) == (105, None)
    assert sign_up.running == ["resize picture"]


def test_work_that_was_done_once_is_done():
    done = work("resize picture", 101, 106, CONSUMER)
    again = work("resize picture", 105, process=NEW_CONSUMER)
    assert SignUp([done, again]).picture_state == "done"


def test_failed_joke_means_no_retry():
    records = [*BACK, work("fetch joke", 101, 102, CONSUMER, "no joke")]
    assert SignUp(records, mail_tries=9).mail_state == "running"
    records.append(work("send mail", 102, 103, CONSUMER))
    assert SignUp(records, mail_tries=9).mail_state == "done"
    records[-1] = work("send mail", 102, 103, CONSUMER, "no mail")
    assert SignUp(records, mail_tries=9).mail_state == "retrying"
    assert SignUp(records, mail_tries=1).mail_state == "failed"


def test_site_that_does_not_start_again_ends_its_lane():
    def fail():
        raise StartError("step4_huey: the consumer did not start.")

    kill = Kill()
    kill.run(SimpleNamespace(kill=lambda: None, start_again=fail))
    assert kill.is_over
    assert kill.words() == "killed, and not started again: step4_huey: the consumer did not start."
    lane = lane_of(4, *BACK, answer=True)
    lane.kills.append(kill)
    assert lane.look()
    assert "the consumer did not start" in lane.problem
