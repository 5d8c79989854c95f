"""The playground's commands, as a learner uses them. Its tasks are in test_tasks.py."""

import ast
import os
import shutil
import signal
import subprocess
import sys

import django
import psutil
import pytest
import requests

from tools.playground import check, hint, reset, start
from tools.playground.probe.errors import described
from tools.playground.project import find_project, notes
from tools.playground.stages import TASKS
from tools.sites.catalogue import BY_NUMBER, ROOT
from tools.sites.processes import stop
from tools.sites.site import answers

from .conftest import wait_for
from .test_commands import base_port, posix_only, started  # noqa: F401  a fixture

SIGNALS = BY_NUMBER[2].folder / "accounts" / "signals.py"
APPS = BY_NUMBER[2].folder / "accounts" / "apps.py"
LIMIT = 120  # seconds, for what never happens


@pytest.fixture
def playground(tmp_path):
    folder = tmp_path / "mein Übungsplatz"
    assert start.main(["2", str(folder)]) == 0
    return folder


def test_start_copies_the_step_before_and_says_what_must_hold(tmp_path, capsys):
    folder = tmp_path / "mein Übungsplatz"
    assert start.main(["3", str(folder)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    for task in TASKS[3]:
        assert task.promise in said
        assert task.why in said
        assert task.hints[2] not in said
    for name in ["accounts/signals.py", "manage.py", "tests/test_signals.py"]:
        assert (folder / name).read_bytes() == (BY_NUMBER[2].folder / name).read_bytes()
    assert not (folder / "var").exists()
    assert find_project(folder).stage == 3
    assert f'check "{folder}" --watch' in said


def test_start_does_not_overwrite_work(playground, capsys):
    assert start.main(["3", str(playground)]) == 0  # nothing was written yet
    (playground / "accounts" / "views.py").write_text("mine", encoding="utf-8")
    assert start.main(["2", str(playground)]) == 1
    said = capsys.readouterr().err
    assert "holds work of yours, in accounts/views.py" in said
    assert "--keep" in said
    assert (playground / "accounts" / "views.py").read_text(encoding="utf-8") == "mine"
    assert start.main(["2", str(playground), "--keep"]) == 0
    [backup] = playground.parent.glob("*-backup-*")
    assert (backup / "accounts" / "views.py").read_text(encoding="utf-8") == "mine"
    assert find_project(playground).stage == 2


def test_start_leaves_a_folder_alone_that_is_no_playground(tmp_path, capsys):
    (tmp_path / "diary.txt").write_text("mine", encoding="utf-8")
    assert start.main(["2", str(tmp_path)]) == 1
    assert "is there already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["diary.txt"]


def test_check_of_the_solution_says_what_comes_next_and_exits_with_0(capsys):
    assert check.main(["step2_signals"]) == 0
    said = capsys.readouterr().out
    assert "5 of 5 tasks done" in said
    assert "`python workshop.py start 3` goes on" in said
    assert said.count("✓") == 5
    assert "`git diff --no-index" in said
    assert "✗" not in said


def test_check_of_one_task_says_what_is_wrong_and_exits_with_1(playground, capsys):
    shutil.copy(SIGNALS, playground / "accounts")  # receivers that nobody imports
    assert check.main([str(playground), "--task", "profile"]) == 1
    said = capsys.readouterr().out
    assert "✗ profile" in said
    assert "are your receivers imported when" in said
    assert "0 of 1 task done" in said


JOB = "\n\nclass Job(models.Model):\n    work = models.TextField()\n"
BROKEN = {
    "missing import": ("apps", "import nothing", "accounts/apps.py, line 1: ModuleNotFoundError"),
    "endless loop": ("apps", "\nwhile True:\n    pass\n", "accounts/apps.py, line"),
    "endless wait": ("apps", "import time\n\ntime.sleep(999)\n", "accounts/apps.py, line 3"),
    "exit": ("apps", "import sys\n\nprint('no redis')\nsys.exit(1)", "accounts/apps.py, line 4"),
    "no migration": ("models", JOB, "CommandError: a migration is missing: `manage.py make"),
}


@pytest.mark.parametrize(("module", "code", "says"), BROKEN.values(), ids=BROKEN)
def test_project_that_does_not_start_is_told_in_one_line(playground, capsys, module, code, says):
    with (playground / "accounts" / f"{module}.py").open("a", encoding="utf-8") as file:
        file.write(code)
    assert check.main([str(playground)]) == 1
    said = capsys.readouterr().out
    [line] = [line for line in said.splitlines() if "✗" in line]
    assert line.startswith(f"✗ It does not start: {says}")
    assert "Traceback" not in said


def test_cause_is_named_that_an_error_does_not_name(playground, capsys):
    shutil.copytree(BY_NUMBER[2].folder / "accounts", playground / "accounts", dirs_exist_ok=True)
    signals = playground / "accounts" / "signals.py"
    text = signals.read_text(encoding="utf-8")
    signals.write_text(text.replace("(post_save, sender=User)", "(post_save)"), encoding="utf-8")
    assert check.main([str(playground)]) == 1
    said = capsys.readouterr().out
    assert "It does not start: accounts/" in said
    assert "A receiver without `sender` is called for every model's rows" in said
    # What Huey raises where redis-py is not installed.
    text = described(ValueError('"redis" python module not found'))["text"]
    assert "unless `HUEY` in the settings names" in text


def test_folder_counts_from_where_the_user_stands(playground, monkeypatch, capsys):
    monkeypatch.setenv("WORKSHOP_STARTED_IN", str(playground.parent))  # as the launcher says
    assert find_project(playground.name).folder == playground
    assert find_project("step2_signals").stage == 2  # the repository's own have their names
    assert start.main(["3", "another"]) == 0
    assert (playground.parent / "another" / "manage.py").is_file()
    assert "another is a copy of step2_signals" in capsys.readouterr().out
    monkeypatch.setenv("WORKSHOP_STARTED_IN", str(playground))
    assert find_project(".").folder == playground


def test_traceback_comes_when_it_is_asked_for(playground, capsys):
    (playground / "accounts" / "apps.py").write_text("def f(:", encoding="utf-8")
    assert check.main([str(playground), "--traceback"]) == 1
    said = capsys.readouterr().out
    wrong = "✗ It does not start: accounts/apps.py, line 1: SyntaxError: invalid syntax.\n"
    assert said.index(wrong) < said.index("Traceback (most recent call last)")


def test_folder_without_a_step_or_a_stage_is_said_in_one_line(tmp_path, capsys):
    assert check.main([str(tmp_path / "none")]) == 2
    assert "holds no step: it is not there" in capsys.readouterr().err
    shutil.copy(BY_NUMBER[1].folder / "manage.py", tmp_path)
    assert check.main([str(tmp_path)]) == 2
    assert "Say it, as in --stage 2" in capsys.readouterr().err
    assert check.main(["step2_signals", "--task", "profil"]) == 2
    assert "has no task 'profil'. There are:" in capsys.readouterr().err


@posix_only
def test_watch_checks_again_after_a_save(playground):
    arguments = [str(playground), "--watch", "--task", "profile"]
    command = [sys.executable, "-m", "tools.playground.check", *arguments]
    options = {"stdin": subprocess.DEVNULL, "env": os.environ | {"PYTHONUTF8": "1"}}
    with started(command, "Waiting for the next save", **options) as (process, _):
        shutil.copy(SIGNALS, playground / "accounts")
        shutil.copy(APPS, playground / "accounts")
        services = playground / "accounts" / "services.py"
        shutil.copy(BY_NUMBER[2].folder / "accounts" / "services.py", services)
        for line in process.stdout:
            if "✓ profile" in line:
                break
        for line in process.stdout:
            if "Waiting" in line:
                break
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT) == 130


@posix_only
def test_closed_terminal_stops_a_check_and_leaves_no_process_or_folder(playground, tmp_path):
    command = [sys.executable, "-m", "tools.playground.check", str(playground)]
    options = {"stdin": subprocess.DEVNULL, "env": os.environ | {"TMPDIR": str(tmp_path)}}
    with started(command, "stage 2", **options) as (process, _):
        wait_for(lambda: process.children(recursive=True), LIMIT)
        family = process.children(recursive=True)
        for _ in range(2):  # by the shell, and by the system
            process.send_signal(signal.SIGHUP)
        _, alive = psutil.wait_procs([process, *family], timeout=LIMIT)
        assert alive == []
        assert process.returncode == 128 + signal.SIGHUP
        assert list(tmp_path.glob("check-*")) == []


def test_hints_go_from_the_idea_to_a_line_of_code(playground, capsys):
    profile = TASKS[2][0]
    said = []
    for _ in range(4):
        assert hint.main([str(playground), "--task", "profile"]) == 0
        said.append(capsys.readouterr().out)
    for number, (text, expected) in enumerate(zip(said, profile.hints, strict=False), start=1):
        assert f"Hint {number} of 3: {expected}" in text
    assert profile.hints[2] not in said[0] + said[1]
    assert all(expected in said[3] for expected in profile.hints)
    assert notes(playground)["hints"] == {"profile": 3}


def test_hint_is_for_the_first_task_that_is_open(playground, capsys):
    assert hint.main([str(playground)]) == 0
    assert capsys.readouterr().out.startswith(f"profile: {TASKS[2][0].promise}")


def every_task():
    return [(stage, task) for stage, tasks in TASKS.items() for task in tasks]


@pytest.mark.parametrize(("stage", "task"), every_task(), ids=lambda value: str(value)[:40])
def test_hint_names_what_exists(stage, task):
    """A page of the installed version's documentation; names that some code here uses, too."""
    idea, page, code = task.hints
    version = ".".join(map(str, django.VERSION[:2]))
    sites = [f"https://docs.djangoproject.com/en/{version}/", "https://docs.python.org/3/"]
    assert page.startswith((*sites, "https://huey.readthedocs.io/en/latest/"))
    sources = [*ROOT.glob("step*/**/*.py"), *ROOT.glob("tests/solutions/*.toml")]
    known = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    for node in ast.walk(ast.parse(code if not code.startswith("@") else f"{code}\ndef f(): ...")):
        name = getattr(node, "id", None) or getattr(node, "attr", None)
        assert name is None or name in known, name


def test_reset_keeps_a_backup_and_says_what_it_discards(playground, standins, capsys):
    standins.control(mail_failure="hang", joke_delay=3)
    (playground / "accounts" / "views.py").write_text("mine", encoding="utf-8")
    assert reset.main([str(playground), "--url", standins.http_url]) == 0
    said = capsys.readouterr().out
    assert "Discarded: accounts/views.py" in said
    [backup] = playground.parent.glob("*-backup-*")
    assert str(backup) in said
    assert (backup / "accounts" / "views.py").read_text(encoding="utf-8") == "mine"
    assert standins.settings["mail_failure"] is None
    assert standins.settings["joke_delay"] == 0.2
    views = BY_NUMBER[1].folder / "accounts" / "views.py"
    assert (playground / "accounts" / "views.py").read_bytes() == views.read_bytes()


def test_reset_leaves_the_steps_alone(capsys):
    assert reset.main(["step2_signals"]) == 2
    assert "git restore" in capsys.readouterr().err


def test_run_serves_the_playground_and_its_banner_says_so(playground, base_port):  # noqa: F811
    command = [sys.executable, "-m", "tools.demo.run", str(playground), f"--base-port={base_port}"]
    with started(command, "Starting development server") as (process, _):
        url = f"http://127.0.0.1:{int(base_port) + 6}"
        wait_for(lambda: answers(url), LIMIT)
        page = requests.get(url, timeout=10).text
        assert "<strong>Playground</strong> Stage 2" in page
        family = process.children(recursive=True)
        stop(process)
        _, alive = psutil.wait_procs(family, timeout=LIMIT)
        assert alive == []
