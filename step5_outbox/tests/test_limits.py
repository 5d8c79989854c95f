import subprocess
import sys
from pathlib import Path
from threading import BoundedSemaphore, Event, Thread, current_thread

import pytest

from accounts.limits import within


@pytest.fixture
def places():
    return BoundedSemaphore(1)


def test_result_is_returned(places):
    assert within(5, places, max, 1, 2) == 2


def test_thread_that_was_given_up_does_not_keep_the_process_from_ending(places):
    assert within(5, places, current_thread).daemon


def test_exception_is_raised(places):
    with pytest.raises(ZeroDivisionError):
        within(5, places, divmod, 1, 0)


def test_time_out_of_the_function_itself_is_raised_as_it_is(places):
    def fail():
        raise TimeoutError("the socket was silent")

    with pytest.raises(TimeoutError, match="the socket was silent"):
        within(5, places, fail)


def test_what_takes_too_long_is_given_up(places):
    done = Event()
    with pytest.raises(TimeoutError, match="not done after 0.01 s"):
        within(0.01, places, done.wait)
    done.set()


def test_those_that_were_given_up_are_bounded(places):
    done = Event()
    with pytest.raises(TimeoutError, match="not done"):
        within(0.01, places, done.wait)
    with pytest.raises(TimeoutError, match="others have not ended"):
        within(0.01, places, max, 1, 2)
    done.set()
    assert within(5, places, max, 1, 2) == 2


def test_without_a_thread_it_is_done_here(places, monkeypatch):
    def fail(thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(Thread, "start", fail)
        assert within(5, places, current_thread) is current_thread()
    assert within(5, places, max, 1, 2) == 2  # the place has been given back


def test_process_that_is_ending_does_what_its_threads_have_begun():
    code = """
from threading import BoundedSemaphore, Thread, main_thread
from accounts.limits import within
def work():
    main_thread().join()
    print(within(5, BoundedSemaphore(), max, 1, 2))
Thread(target=work).start()
"""
    command = [sys.executable, "-c", code]
    step = Path(__file__).parent.parent
    result = subprocess.run(command, cwd=step, capture_output=True, encoding="utf-8")
    assert (result.stdout, result.stderr) == ("2\n", "")
