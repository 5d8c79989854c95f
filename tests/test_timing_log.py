"""The notebooks' module of timing logs: they are loaded, joined with their sign-up and counted."""

import json
import math

import pytest


def record(event, start, end, sign_up="1", process=1, thread="Thread-1"):
    return {
        "step": "step4_huey",
        "sign_up": sign_up,
        "username": f"ada-{sign_up}",
        "event": event,
        "start": start,
        "end": end,
        "elapsed": end and end - start,
        "error": "",
        "process": process,
        "threadName": thread,
        "message": "",
    }


# Reaches the site at 100, back at 101.125: a form, a hash, then a save with a profile in it.
SIGN_UP = [
    record("sign-up", 100, 101.125),
    record("receive form", 100, 100.125),
    record("hash password", 100.125, 100.5),
    record("save user", 100.5, 100.875),
    record("create profile", 100.625, 100.75),
    record("queue", 100.875, 101),
    record("queue", 101, 101.125),  # the two tasks
    record("fetch joke", 101.5, 103, thread="mail_0"),
    record("resize picture", 102, 107, process=2),
    record("send mail", 108, None, thread="mail_0"),
]


@pytest.fixture
def folder(timing_log, tmp_path, monkeypatch):
    monkeypatch.setattr(timing_log, "ROOT", tmp_path)
    monkeypatch.setattr(timing_log, "DATA", tmp_path)
    return tmp_path


def write(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


@pytest.fixture
def log(timing_log, folder):
    write(folder / "run.jsonl", SIGN_UP)
    return timing_log.load("run")


def test_record_says_when_and_where_the_work_ran(log):
    found = {row.event: (row.began, row.ended, row.lane) for row in log.itertuples()}
    assert found["hash password"] == (0.125, 0.5, "request")
    assert found["fetch joke"] == (1.5, 3, "thread mail_0")
    assert found["resize picture"] == (2, 7, "worker process, Thread-1")


def test_interrupted_work_is_there_for_those_who_ask(timing_log, log):
    assert "send mail" not in set(log["event"])
    log = timing_log.load("run", interrupted=True)
    [mail] = log[log["event"] == "send mail"].to_dict("records")
    assert mail["began"] == 8
    assert math.isnan(mail["ended"]) and math.isnan(mail["elapsed"])


def test_work_of_a_request_that_has_not_ended_is_left_out(timing_log, folder):
    write(folder / "run.jsonl", [*SIGN_UP, record("hash password", 1, 2, sign_up="2")])
    assert set(timing_log.load("run")["sign_up"]) == {"1"}


def test_own_logs_that_do_not_exist_are_a_clear_error(timing_log, folder):
    with pytest.raises(FileNotFoundError, match="No timing logs of step4_huey: sign up there"):
        timing_log.load("run", own=True, steps=["step4_huey"])


def test_sign_up_says_when_the_page_was_back_and_all_was_done(timing_log, log):
    [row] = timing_log.sign_ups(log).itertuples()
    assert (row.step, row.username, row.page, row.done) == ("step4_huey", "ada-1", 1.125, 7)


def test_typical_sign_up_is_the_one_with_the_median_page_time(timing_log, folder):
    records = [record("sign-up", 0, seconds, str(seconds)) for seconds in [9, 1, 2]]
    write(folder / "run.jsonl", records)
    assert set(timing_log.typical(timing_log.load("run"))["sign_up"]) == {"2"}


def test_wait_is_made_of_the_requests_own_work_and_nothing_is_counted_twice(timing_log, log):
    [seconds] = timing_log.waited_for(log).to_dict("records")
    assert seconds == {
        "receive form": 0.125,
        "hash password": 0.375,
        "save user": 0.25,  # without the profile
        "create profile": 0.125,
        "queue": 0.25,
        "the rest": 0,
    }


def test_wait_that_no_piece_of_work_explains_is_the_rest(timing_log, folder):
    write(folder / "run.jsonl", [record("sign-up", 0, 1), record("hash password", 0, 0.75)])
    [seconds] = timing_log.waited_for(timing_log.load("run")).to_dict("records")
    assert seconds == {"hash password": 0.75, "the rest": 0.25}


def test_work_under_way_is_counted(timing_log, log):
    counts = timing_log.under_way(log, ["fetch joke", "resize picture"])
    assert counts.to_dict() == {0: 0, 1.5: 1, 2: 2, 3: 1, 7: 0}


def test_joke_and_mail_are_one_job(timing_log, folder):
    records = [record("sign-up", 0, 1), record("fetch joke", 1, 2), record("send mail", 2.5, 3)]
    write(folder / "run.jsonl", records)
    counts = timing_log.under_way(timing_log.load("run"), ["fetch joke", "send mail"])
    assert counts.to_dict() == {0: 0, 1: 1, 3: 0}


def test_tasks_wait_from_their_queueing_to_their_beginning(timing_log, log):
    assert timing_log.waiting(log).to_dict() == {0: 0, 0.875: 1, 1: 2, 1.5: 1, 2: 0}


def test_mail_waits_from_its_queueing_until_a_worker_begins(timing_log, log):
    assert list(timing_log.mail_waits(log)) == [0.625]


def test_burst_is_drained_when_the_last_work_is_done(timing_log, log):
    assert timing_log.drained(log) == 7


# Killed at 105: the mail is cut off for good, the picture begins again in another process.
KILLED = [
    record("sign-up", 100, 101),
    record("fetch joke", 102, 103, process=2),
    record("send mail", 103, None, process=2),
    record("resize picture", 102, None, process=2),
    record("resize picture", 109, 110, process=3),
    record("sign-up", 100, 101, sign_up="2"),
    record("send mail", 106, 107, sign_up="2", process=3),
    record("resize picture", 107, 108, sign_up="2", process=3) | {"error": "disk full"},
]


def test_kill_cuts_off_what_the_killed_process_did_not_end(timing_log, folder):
    write(folder / "run.jsonl", KILLED)
    jobs = timing_log.after_kill(timing_log.load("run", interrupted=True), killed_at=105)
    assert list(jobs.index) == [(n, job) for n in "12" for job in ["mail", "picture"]]
    assert list(jobs["cut_off"]) == [True, True, False, False]
    assert list(jobs["done"]) == [False, True, True, False]
    assert list(jobs["began"].dropna()) == [-3, -3]
    assert list(jobs["again"].dropna()) == [4]


def test_rows_are_saved_in_times_since_the_call_of_save(timing_log, log):
    times = timing_log.saved_rows(log).loc["step4_huey"]
    assert times.loc["save user"].tolist() == [0, 0.375]
    assert times.loc["create profile"].tolist() == [0.125, 0.25]
