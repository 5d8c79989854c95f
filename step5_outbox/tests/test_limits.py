from threading import BoundedSemaphore, Event, current_thread

import pytest

from accounts import limits
from accounts.limits import within


def test_result_is_returned():
    assert within(5, max, 1, 2) == 2


def test_thread_that_was_given_up_does_not_keep_the_process_from_ending():
    assert within(5, current_thread).daemon


def test_exception_is_raised():
    with pytest.raises(ZeroDivisionError):
        within(5, divmod, 1, 0)


def test_time_out_of_the_function_itself_is_raised_as_it_is():
    def fail():
        raise TimeoutError("the socket was silent")

    with pytest.raises(TimeoutError, match="the socket was silent"):
        within(5, fail)


def test_what_takes_too_long_is_given_up():
    done = Event()
    with pytest.raises(TimeoutError, match="not done after 0.01 s"):
        within(0.01, done.wait)
    done.set()


def test_those_that_were_given_up_are_bounded(monkeypatch):
    monkeypatch.setattr(limits, "places", BoundedSemaphore(1))
    done = Event()
    with pytest.raises(TimeoutError, match="not done"):
        within(0.01, done.wait)
    with pytest.raises(TimeoutError, match="others have not ended"):
        within(0.01, max, 1, 2)
    done.set()
    assert within(5, max, 1, 2) == 2
