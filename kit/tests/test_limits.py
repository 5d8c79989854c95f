import subprocess
import sys
from contextvars import ContextVar
from pathlib import Path
from threading import BoundedSemaphore, Event, Thread, current_thread

import pytest
from safeguards.limits import MAX_CONVERSATIONS, conversation_slots, run_within


@pytest.fixture
def slots():
    return BoundedSemaphore(1)


def test_result_is_returned(slots):
    assert run_within(5, slots, max, 1, 2) == 2


def test_thread_that_was_given_up_does_not_keep_the_process_from_ending(slots):
    assert run_within(5, slots, current_thread).daemon


def test_exception_is_raised(slots):
    with pytest.raises(ZeroDivisionError):
        run_within(5, slots, divmod, 1, 0)


def test_context_variables_of_the_caller_are_seen(slots):
    language = ContextVar("language", default="en")
    language.set("de")
    assert run_within(5, slots, language.get) == "de"


def test_time_out_of_the_function_itself_is_raised_as_it_is(slots):
    def fail():
        raise TimeoutError("the socket was silent")

    with pytest.raises(TimeoutError, match="the socket was silent"):
        run_within(5, slots, fail)


def test_those_that_were_given_up_keep_their_slots_until_they_end(slots):
    done = Event()
    with pytest.raises(TimeoutError, match="not done after 0.01 s"):
        run_within(0.01, slots, done.wait)
    with pytest.raises(TimeoutError, match="others have not ended"):
        run_within(0.01, slots, max, 1, 2)
    done.set()
    assert run_within(5, slots, max, 1, 2) == 2


def test_server_without_a_free_slot_leaves_the_others_theirs():
    stuck, other = conversation_slots(), conversation_slots()
    for _ in range(MAX_CONVERSATIONS):
        assert stuck.acquire(blocking=False)
    with pytest.raises(TimeoutError, match="50 others"):
        run_within(0.01, stuck, max, 1, 2)
    assert run_within(5, other, max, 1, 2) == 2


def test_without_a_thread_it_is_done_here(slots, monkeypatch):
    def fail(thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(Thread, "start", fail)
        assert run_within(5, slots, current_thread) is current_thread()
    assert run_within(5, slots, max, 1, 2) == 2  # the slot is free again


def test_process_that_is_ending_does_what_its_threads_have_begun():
    code = """
from threading import BoundedSemaphore, Thread, main_thread
from safeguards.limits import run_within
def work():
    main_thread().join()
    print(run_within(5, BoundedSemaphore(), max, 1, 2))
Thread(target=work).start()
"""
    command = [sys.executable, "-c", code]
    kit = Path(__file__).parent.parent
    result = subprocess.run(command, cwd=kit, capture_output=True, encoding="utf-8")
    assert (result.stdout, result.stderr) == ("2\n", "")
