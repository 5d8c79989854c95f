import json
import logging
import os
import threading
import time

import pytest
from django.conf import settings
from timing import records, timed
from timing.log import ConsoleFormatter, TimingFileHandler
from timing.records import TimingLog, records_of

from .users import new_user


def test_record_says_what_took_how_long_and_where():
    user = new_user()
    with timed("resize picture", user):
        pass
    [record] = records_of(user)
    assert record["step"] == settings.STEP
    assert record["sign_up"] == str(user.pk)
    assert record["username"] == "ada"
    assert record["event"] == "resize picture"
    assert record["end"] == pytest.approx(record["start"] + record["elapsed"])
    assert record["process"] == os.getpid()
    assert record["threadName"] == threading.current_thread().name
    assert record["error"] == ""


def test_work_that_goes_on_has_no_end_yet():
    user = new_user()
    with timed("resize picture", user):
        [record] = records_of(user)
        assert (record["end"], record["elapsed"]) == (None, None)
    [record] = records_of(user)
    assert record["end"]


def test_failure_is_recorded_and_raised():
    user = new_user()
    with pytest.raises(OSError, match="no route"), timed("send mail", user):
        raise OSError("no route")
    [record] = records_of(user)
    assert record["error"] == "OSError('no route')"


def test_records_are_those_of_one_sign_up_in_order_of_their_start():
    user, other = new_user(), new_user("grace")
    with timed("sign-up", user), timed("sign-up", other), timed("save user", user):
        pass
    assert [record["event"] for record in records_of(user)] == ["sign-up", "save user"]


def test_record_that_is_still_being_written_is_left_out():
    user = new_user()
    with timed("save user", user):
        pass
    half = settings.VAR_DIR / "timings.0.jsonl"
    half.write_text(f'{{"sign_up": "{user.pk}", "ev', encoding="utf-8")
    assert len(records_of(user)) == 1
    half.unlink()


def test_files_from_before_the_sign_up_are_not_read():
    user = new_user()
    old = settings.VAR_DIR / "timings.0.jsonl"
    old.write_text(f"{user.pk} is in no JSON\n", encoding="utf-8")
    os.utime(old, (0, 0))
    with timed("save user", user):
        pass
    assert len(records_of(user)) == 1
    old.unlink()


def test_log_does_not_grow_for_ever(tmp_path):
    old, recent = tmp_path / "timings.1.jsonl", tmp_path / "timings.2.jsonl"
    for path in [old, recent]:
        path.write_text("{}\n", encoding="utf-8")
    os.utime(old, (0, 0))
    handler = TimingFileHandler(tmp_path)
    handler.setFormatter(logging.Formatter())
    for _ in range(30):
        handler.emit(logging.makeLogRecord({"msg": "x" * 100_000}))
    handler.close()
    assert not old.exists()
    assert recent.exists()
    assert sum(path.stat().st_size for path in tmp_path.glob("timings.*")) <= 1_000_100


def test_file_that_is_rotated_away_meanwhile_is_left_out(monkeypatch):
    user = new_user()
    gone = (time.time(), settings.VAR_DIR / "timings.0.jsonl")
    monkeypatch.setattr(records, "newest_first", lambda folder: [gone])
    assert records_of(user) == []


def test_console_names_the_line_that_did_the_work(caplog):
    options = settings.LOGGING["formatters"]["timing"]
    with timed("save user", new_user()):
        pass
    line = ConsoleFormatter(options["format"]).format(caplog.records[-1])
    assert " INFO tests.test_timing_log:" in line
    assert line.endswith("s] - save user for ada")


def test_interrupted_work_is_not_done():
    user = new_user()
    with pytest.raises(KeyboardInterrupt), timed("send mail", user):
        raise KeyboardInterrupt
    [record] = records_of(user)
    assert record["error"] == "KeyboardInterrupt()"


@pytest.mark.parametrize(
    "damaged",
    [
        b'{"sign_up": "%s", "event": "save{"sign_up": "x"}\n',
        b'\0\0\0\0{"sign_up": "%s"}\n',
        b'{"sign_up": "%s", "event": "\xff\xfe"\n',
        b'{"sign_up": "%s"}\n',
        b'"%s"\n',
        b'["%s"]\n',
    ],
)
def test_damaged_line_is_skipped(damaged):
    user = new_user()
    with timed("save user", user):
        pass
    path = settings.VAR_DIR / "timings.0.jsonl"
    path.write_bytes(damaged.replace(b"%s", str(user.pk).encode()))
    assert [record["event"] for record in records_of(user)] == ["save user"]
    path.unlink()


def line(event="a", **changed):
    record = {"sign_up": "1", "event": event, "error": "", "threadName": "MainThread"}
    record |= {"process": 1, "start": 1.0, "end": 2.0, "elapsed": 1.0} | changed
    return json.dumps(record) + "\n"


def test_log_is_read_on_when_a_full_file_was_put_aside(tmp_path):
    log, path = TimingLog(tmp_path), tmp_path / "timings.1.jsonl"
    path.write_text(line("a") * 3, encoding="utf-8")
    log.skip()
    with path.open("a", encoding="utf-8") as file:
        file.write(line("b"))
    path.rename(tmp_path / "timings.1.jsonl.1")
    path.write_text(line("c", end=None, elapsed=None) + line("d"), encoding="utf-8")
    records = log.new_records(with_begun=True)
    assert [record["event"] for record in records] == ["b", "c", "d"]
    assert log.new_records() == []


def test_log_is_read_on_behind_a_damaged_line_and_when_the_rest_of_a_line_is_there(tmp_path):
    log, path = TimingLog(tmp_path), tmp_path / "timings.1.jsonl"
    first, rest = line("b")[:20], line("b")[20:]
    path.write_bytes(b"\0\xff{\n" + line("a").encode() + first.encode())
    assert [record["event"] for record in log.new_records()] == ["a"]
    with path.open("a", encoding="utf-8") as file:
        file.write(rest)
    assert [record["event"] for record in log.new_records()] == ["b"]


def test_log_whose_file_vanishes_while_it_is_read_goes_on(tmp_path, monkeypatch):
    log, path = TimingLog(tmp_path), tmp_path / "timings.1.jsonl"
    path.write_text(line("a"), encoding="utf-8")
    glob = type(tmp_path).glob

    def glob_and_delete(folder, pattern):
        found = list(glob(folder, pattern))
        path.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(type(tmp_path), "glob", glob_and_delete)
    log.skip()
    assert log.new_records() == []


@pytest.mark.parametrize("name", ["start", "end", "event", "error"])
def test_line_with_a_value_of_a_wrong_type_is_skipped(tmp_path, name):
    (tmp_path / "timings.1.jsonl").write_text(line(**{name: []}), encoding="utf-8")
    assert TimingLog(tmp_path).new_records() == []
