"""The command that runs all tests: what it runs, how it counts a failure, and how it stops."""

import signal
import subprocess

import psutil
import pytest

from tools.sites.catalogue import ROOT, STEPS
from tools.upkeep import test_all

from .conftest import wait_for
from .test_commands import LIMIT, command, posix_only


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a test that fails once; the command runs that alone."""
    (tmp_path / "test_it.py").write_text(
        "from pathlib import Path\n"
        "def test_fails_once():\n"
        "    there_before = Path('file').exists()\n"
        "    Path('file').touch()\n"
        "    assert there_before\n",
        encoding="utf-8",
    )
    sessions = [("it", tmp_path, [*test_all.PYTEST, test_all.AGAIN])]
    monkeypatch.setattr(test_all, "sessions", lambda _: sessions)
    monkeypatch.setattr(test_all, "stop_in_order", lambda: None)
    return tmp_path


def test_everything_is_run_in_the_root_in_the_kit_and_in_each_step():
    folders = [folder for _, folder, _ in test_all.sessions()]
    assert folders == [ROOT, ROOT / "kit", *(step.folder for step in STEPS)]


def test_what_fails_is_tried_again_and_shown(project, capfd):
    assert test_all.main([]) == 0
    said = capfd.readouterr().out
    assert "RERUN test_it.py::test_fails_once" in said
    assert said.endswith("All tests passed.\n")


def test_what_fails_twice_has_failed(project, capfd):
    (project / "test_it.py").write_text("def test_it():\n    assert 1 == 2\n", encoding="utf-8")
    assert test_all.main([]) == 1
    assert capfd.readouterr().out.endswith("Failed: it\n")


def test_line_of_a_step_that_no_test_runs_fails_it(project, capfd, monkeypatch):
    monkeypatch.setattr(test_all, "IN_A_STEP", [])
    (project / "accounts").mkdir()
    (project / "accounts" / "never.py").write_text("def never():\n    return 1\n", encoding="utf-8")
    cover = test_all.covering(project)
    monkeypatch.setattr(test_all, "sessions", lambda _: [("it", project, cover)])
    assert test_all.main([]) == 1
    assert "accounts/never.py" in capfd.readouterr().out.replace("\\", "/")


@posix_only
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_stopping_leaves_no_process_behind(name):
    number = getattr(signal, name)
    with psutil.Popen(command("test", "1"), cwd=ROOT, stdout=subprocess.DEVNULL) as run:
        wait_for(run.children, LIMIT)
        family = run.children(recursive=True)
        run.send_signal(number)
        _, alive = psutil.wait_procs([run, *family], timeout=LIMIT)
        assert alive == []
        assert run.returncode == 128 + number
