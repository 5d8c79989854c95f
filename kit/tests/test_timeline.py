import time

import pytest
from django.template import Context, Template
from timing import timed, timeline
from timing.timeline import Timeline

from .users import new_user


def record(event, start, end, process=1, thread="Thread-1", error=""):
    return {
        "sign_up": "1",
        "event": event,
        "start": start,
        "end": end,
        "process": process,
        "threadName": thread,
        "error": error,
    }


@pytest.fixture
def drawn(monkeypatch):
    """A function that returns the timeline of these records."""

    def draw(*records):
        monkeypatch.setattr(timeline, "records_of", lambda user: list(records))
        return Timeline(new_user())

    return draw


def test_bars_lie_where_the_time_went(drawn):
    drawing = drawn(
        record("sign-up", 100, 104),
        record("hash password", 100, 101),
        record("resize picture", 101, 104),
    )
    assert (drawing.waited, drawing.seconds) == (4, 4)
    assert [(bar["left"], bar["width"]) for bar in drawing.bars] == [
        ("0.000", "25.000"),
        ("25.000", "75.000"),
    ]


def test_each_thread_and_process_has_a_lane(drawn):
    drawing = drawn(
        record("sign-up", 100, 101),
        record("queue", 100, 101),
        record("send mail", 101, 102, thread="mail_0"),
        record("resize picture", 101, 110, process=2, thread="Worker-1"),
    )
    assert [name for name, _ in drawing.lanes] == [
        "request",
        "thread mail_0",
        "worker process, Worker-1",
    ]
    assert (drawing.waited, drawing.seconds) == (1, 10)
    assert drawing.page_back == "10.000"


def test_work_that_goes_on_reaches_until_now(drawn):
    now = time.time()
    drawing = drawn(
        record("sign-up", now - 10, now - 9),
        record("fetch joke", now - 8, None, process=2),
        record("resize picture", now - 5, None, process=2),
    )
    assert drawing.is_running
    assert drawing.bars[0]["state"] == "running"
    assert drawing.bars[0]["seconds"] == pytest.approx(8, abs=1)


def test_sign_up_that_is_no_longer_in_the_log_has_no_timeline(drawn):
    drawing = drawn()
    assert drawing.request is None


def test_work_that_was_begun_again_has_been_abandoned_before(drawn):
    now = time.time()
    drawing = drawn(
        record("sign-up", now - 30, now - 29),
        record("resize picture", now - 29, None, process=2),
        record("resize picture", now - 10, now - 5, process=3),
    )
    assert [bar["state"] for bar in drawing.bars] == ["abandoned", "done"]
    assert drawing.bars[0]["seconds"] == 0
    assert drawing.seconds == 25


def test_work_of_which_nothing_was_heard_for_long_has_been_abandoned(drawn):
    long_ago = time.time() - timeline.ABANDONED - 1
    drawing = drawn(
        record("sign-up", long_ago, long_ago + 1),
        record("send mail", long_ago, None, thread="mail_0", error=""),
    )
    assert not drawing.is_running
    assert drawing.seconds == 1


def test_work_that_failed_is_told_from_work_that_is_done(drawn):
    drawing = drawn(
        record("sign-up", 100, 101),
        record("send mail", 100, 101, error="OSError('no route')"),
    )
    assert drawing.bars[0]["state"] == "failed"


def test_page_draws_the_timeline():
    user = new_user()
    with timed("send mail", user):
        pass
    page = Template("{% load timing %}{% timeline user %}").render(Context({"user": user}))
    assert "no longer in it" in page  # there was no request
