"""The recording, made for real with one sign-up where the notebooks have thirty."""

import json
from datetime import date
from functools import partial
from itertools import groupby
from math import inf

import pytest
from rich.console import Console
from timing.sign_up import SLOW_WORK, SignUp

import tools.measure.record
from tools.arguments import parse
from tools.measure.frame import SEED
from tools.race.drawing import drawing
from tools.race.recorded import RecordedLane
from tools.sites.catalogue import STEPS
from tools.sites.machine import machine_and_versions
from tools.sites.processes import StartError
from tools.sites.visitor import SignUpRefused

from .conftest import completed
from .test_commands import command

# The steps of each run.
RUNS = {
    "one_at_a_time": [step.name for step in STEPS],
    "burst_step3": ["step3_threading"],
    "burst_step4_1": ["step4_huey"],
    "burst_step4_2": ["step4_huey"],
    "burst_step4_4": ["step4_huey"],
    "burst_step4_no_priority": ["step4_huey"],
    "burst_step5": ["step5_outbox"],
    "hash_pbkdf2": ["step4_huey"],
    "hash_argon2id": ["step4_huey"],
    "pictures": ["step4_huey"],
    "web_idle_step3": ["step3_threading"],
    "web_busy_step3": ["step3_threading"],
    "web_idle_step4": ["step4_huey"],
    "web_busy_step4": ["step4_huey"],
}
KILLS = {"kill_step4": ["step4_huey"], "kill_step5": ["step5_outbox"]}
QUICK = ["--resize-seconds=0.2", "--megapixels=3"]
PRINTED = "printed.txt"  # beside the data: what the recording printed
CLOCKS_DIFFER = 0.5  # seconds at most between the site's and the client's: upload and network


def record_in_process(*arguments):
    tools.measure.record.record(parse("record", arguments), Console(quiet=True))


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """The data of a recording, and what it printed."""
    folder = tmp_path_factory.mktemp("data")
    arguments = command("record", f"--into={folder}", "--signups=1", *QUICK)
    result = completed(arguments, OUTBOX_LEASE_SECONDS="3")
    assert result.returncode == 0, result.stdout + result.stderr
    (folder.parent / PRINTED).write_text(result.stdout, encoding="utf-8")
    return folder


def rows(folder, name):
    text = (folder / f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def recorded(folder, name="recorded.json"):
    return json.loads((folder / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", RUNS)
def test_run_has_all_work_of_its_sign_ups(recording, name):
    records = rows(recording, name)
    assert all(record["end"] and not record["error"] for record in records)
    assert records == sorted(records, key=lambda record: record["start"])
    assert sorted({record["step"] for record in records}) == RUNS[name]
    by_sign_up = sorted(records, key=lambda record: record["sign_up"])
    sign_ups = [SignUp(group) for _, group in groupby(by_sign_up, lambda r: r["sign_up"])]
    assert all(sign_up.is_done for sign_up in sign_ups)
    assert len(sign_ups) == recorded(recording)["runs"][name]["n"] * len(RUNS[name])


def test_each_run_has_a_file_and_recorded_json_says_how_and_on_what_it_was_made(recording):
    files = {f"{name}.jsonl" for name in [*RUNS, *KILLS, "pictures_memory"]}
    files |= {"demo.json", "races.json", "recorded.json"}
    assert {path.name for path in recording.iterdir()} == files
    about = recorded(recording)
    runs = about.pop("runs")
    assert about == {"seed": SEED} | machine_and_versions()
    assert set(runs) == {*RUNS, *KILLS, "pictures_memory"}
    for name, steps in (RUNS | KILLS).items():
        assert runs[name]["steps"] == steps
        assert date.fromisoformat(runs[name]["date"]) <= date.today()
        settings = runs[name]["settings"]
        simulated = 0.2 if name.startswith(("one", "burst", "kill")) else 0
        assert settings["simulated_resize_seconds"] == simulated
        assert (settings["joke_delay"], settings["mail_delay"]) == (0.2, 0.3)
        assert settings.get("workers", 0) >= 1 or "step4_huey" not in steps
        assert settings.get("busy_clients", 0) > 1 or "busy" not in name
    workers = [runs[f"burst_step4_{n}"]["settings"]["workers"] for n in [1, 2, 4]]
    assert workers == [1, 2, 4]
    one = [r for r in rows(recording, "burst_step4_1") if r["event"] in SLOW_WORK]
    assert len({record["threadName"] for record in one}) == 1
    assert len({tuple(runs[n]["settings"]["arrivals"]) for n in runs if "burst" in n}) == 1


@pytest.mark.parametrize("name", KILLS)
def test_kill_says_when_it_was_and_what_it_interrupted(recording, name):
    records, settings = rows(recording, name), recorded(recording)["runs"][name]["settings"]
    assert settings["killed_at"] < settings["restarted_at"]
    interrupted = [record for record in records if not record["end"]]
    assert all(record["start"] < settings["killed_at"] for record in interrupted)
    assert {record["step"] for record in records} == set(KILLS[name])
    done = {record["event"] for record in records if record["end"]}
    if name == "kill_step5":
        assert {"sign-up", "resize picture", "send mail"} <= done


def test_demo_signs_up_in_all_steps_and_prints_the_staircase(recording):
    printed = (recording.parent / PRINTED).read_text(encoding="utf-8")
    assert "5 of 5 mails delivered with a joke." in printed
    assert "5 of 5 thumbnails made." in printed
    assert "How long a visitor waits" in printed
    steps = recorded(recording, "demo.json")["steps"]
    slow, waited_for = {"resize picture", "fetch joke", "send mail"}, {}
    for step in STEPS:
        of_step = steps[step.name]
        assert len(of_step["page_seconds"]) == len(of_step["done_seconds"]) == 1
        for page, client in zip(of_step["page_seconds"], of_step["client_seconds"], strict=True):
            assert page < client < page + CLOCKS_DIFFER
        assert of_step["mails_delivered"] == of_step["thumbnails"] == 1
        waited_for[step.number] = slow & of_step["waited_for_seconds"].keys()
    assert waited_for == {1: slow, 2: slow, 3: {"resize picture"}, 4: set(), 5: set()}


def test_kill_in_each_step_loses_the_picture_but_in_the_last(recording):
    record = recorded(recording, "races.json")
    assert record["settings"]["simulated_resize_seconds"] == 2
    healthy, killed = (
        [drawing(RecordedLane(lane, inf), inf) for lane in race["lanes"]]
        for race in record["races"]
    )
    assert [lane["state"] for lane in healthy] == ["done"] * len(STEPS)
    assert [len(lane["kills"]) for lane in killed] == [1] * len(STEPS)
    assert ["picture" in lane["lost"] for lane in killed] == [True] * 4 + [False]
    assert killed[-1]["picture"] == "resized again, after the kill"


def test_only_keeps_the_other_runs(tmp_path, monkeypatch):
    about = {"seed": SEED} | machine_and_versions()
    old = about | {"runs": {"kept": {}, "made anew": {}}}
    (tmp_path / "recorded.json").write_text(json.dumps(old), encoding="utf-8")

    def run(recording, options):
        recording.keep_rows("made anew", [], STEPS, options.signups, {})

    monkeypatch.setitem(tools.measure.record.RUNS, "hashes", run)
    record_in_process(f"--into={tmp_path}", "--signups=1", "--only", "hashes")
    new = recorded(tmp_path)
    runs = new.pop("runs")
    assert new == about
    assert (runs["kept"], runs["made anew"]["n"]) == ({}, 1)
    assert {path.name for path in tmp_path.iterdir()} == {"recorded.json", "made anew.jsonl"}


def test_only_refuses_to_mix_machines(tmp_path):
    path = tmp_path / "recorded.json"
    other = {"seed": SEED, "runs": {}} | machine_and_versions() | {"machine": "another"}
    path.write_text(json.dumps(other), encoding="utf-8")
    with pytest.raises(StartError, match="of another machine"):
        record_in_process(f"--into={tmp_path}", "--only", "web")
    assert json.loads(path.read_text(encoding="utf-8")) == other


def test_run_with_failed_or_missing_work_leaves_the_old_data(tmp_path, monkeypatch):
    about = {"seed": SEED} | machine_and_versions()
    old = json.dumps(about | {"runs": {}})
    (tmp_path / "recorded.json").write_text(old, encoding="utf-8")
    events = ["sign-up", "resize picture", "send mail"]
    whole = [{"event": e, "start": 1, "end": 2, "elapsed": 1, "error": ""} for e in events]
    failed = [*whole[:2], whole[2] | {"error": "SMTPDataError()"}]
    unfinished = [*whole[:2], whole[2] | {"end": None}]
    for records in [failed, whole[:2], unfinished]:
        run = partial(keep, records)
        monkeypatch.setitem(tools.measure.record.RUNS, "hashes", run)
        with pytest.raises(SignUpRefused):
            record_in_process(f"--into={tmp_path}", "--only", "hashes")
    [left] = tmp_path.iterdir()
    assert left.read_text(encoding="utf-8") == old


def keep(records, recording, options):
    recording.keep_rows("good", [], STEPS, 1, {})
    recording.keep("one_at_a_time", STEPS, records, {})
