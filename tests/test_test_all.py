"""The whole run leaves no test out whose code differs, and says what it ran and how it went."""

import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from tools.sites.catalogue import ROOT
from tools.sites.processes import python_path
from tools.upkeep import test_all

from .conftest import wait_for
from .test_commands import LIMIT, command, posix_only

# The command, with sessions of its own

PASSES = "def test_passes():\n    pass\n"
FAILS = "def test_fails():\n    assert 'wanted' == 'got'\n"

FAILS_ONCE = """
from pathlib import Path
import pytest

@pytest.mark.xdist_group("group")
def test_fails_once():
    there_before = Path("file").exists()
    Path("file").touch()
    assert there_before
"""
SKIPS = "import pytest\ndef test_skips():\n    pytest.skip()\n"


def test_last_lines_count_all_tests_and_name_the_sessions_that_failed(tmp_path, capfd):
    sessions = []
    for name, text in {"one": PASSES + FAILS, "two": PASSES + SKIPS, "three": PASSES}.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        (folder / "test_it.py").write_text(text, encoding="utf-8")
        sessions.append(test_all.Session(name, folder, []))
    sessions[2].options.append("--no-such-option")  # pytest stops before it can count anything
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    assert test_all.run(sessions, environment) == [sessions[0], sessions[2]]
    output = capfd.readouterr().out
    assert "one: 100 %" in output
    assert "two: 1 passed, 1 skipped in" in output
    assert "AssertionError: assert 'wanted' == 'got'" in output
    assert "unrecognized arguments: --no-such-option" in output
    last = ["Failed: one", "Failed: three", "2 passed, 2 failed, 1 skipped"]
    assert output.splitlines()[-3:] == last


def run_with_second_try(folder, text, covered=()):
    """Return the sessions that failed, of one whose failed tests are tried once more."""
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (folder / "test_it.py").write_text(text, encoding="utf-8")
    plugins = ["-p", "slipcover.pytest_plugin", "-p", "frozen", "-p", "xdist.plugin"]
    options = [*plugins, *test_all.ROOT_OPTIONS, "--numprocesses=1"]  # half a second each
    again = [*plugins, *test_all.ROOT_AGAIN]
    session = test_all.Session("it", folder, options, covered, again)
    # Not what says that this process is a worker of pytest-xdist itself.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_XDIST")}
    environment |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment |= {"PYTHONPATH": python_path(ROOT / "tests" / "startup")}
    return test_all.run([session], environment)


def test_what_fails_twice_has_failed(tmp_path, capfd):
    [failed] = run_with_second_try(tmp_path, PASSES + FAILS)
    assert failed.name == "it, once more what failed"
    assert capfd.readouterr().out.splitlines()[-1] == "1 passed, 1 failed, 0 skipped"


def test_what_passes_when_it_is_tried_again_is_shown(tmp_path, capfd):
    assert run_with_second_try(tmp_path, PASSES + FAILS_ONCE) == []
    output = capfd.readouterr().out
    assert "FAILED test_it.py::test_fails_once" in output
    assert "it, once more what failed: 1 passed" in output
    assert output.splitlines()[-1] == "2 passed, 0 failed, 0 skipped"


def test_what_is_no_test_is_not_tried_again(tmp_path, capfd):
    assert run_with_second_try(tmp_path, "syntax error") != []
    assert capfd.readouterr().out.splitlines()[-1] == "0 passed, 1 failed, 0 skipped"


NEVER_CALLED = "\ndef never_called():\n    return 1\n"


@pytest.mark.parametrize("text", [PASSES, FAILS_ONCE], ids=["passed", "tried again"])
def test_line_that_no_test_runs_fails_its_session_whatever_else_comes_of_it(tmp_path, text, capfd):
    package = tmp_path / "package"
    package.mkdir()
    (package / "module.py").write_text(NEVER_CALLED, encoding="utf-8")
    covered = [Path("package", "module.py")]
    [failed] = run_with_second_try(tmp_path, f"from package import module\n{text}", covered)
    assert failed.name == "it"
    assert f"No test runs {Path('package', 'module.py')}, lines 3" in capfd.readouterr().out


def test_file_that_no_test_imports_fails_its_session_unless_it_need_not_be_covered(tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    for name in ["module.py", "other.py"]:
        (package / name).write_text(NEVER_CALLED, encoding="utf-8")
    (package / "covered.py").write_text("", encoding="utf-8")
    text = f"from package import covered\n{PASSES}"
    assert run_with_second_try(tmp_path, text, [Path("package", "covered.py")]) == []
    covered = [Path("package", "covered.py"), Path("package", "module.py")]
    assert run_with_second_try(tmp_path, text, covered) != []


def test_lines_of_which_nothing_was_written_are_not_taken_for_run(tmp_path):
    session = test_all.Session("it", tmp_path, [], covered=[Path("package", "module.py")])
    session.coverage = tmp_path / "it.json"
    assert session.gaps() == ["SlipCover has not written which lines the tests ran."]


def test_each_session_has_its_second_try():
    assert all(session.again for session in test_all.everything())


@posix_only
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_stopping_leaves_no_process_behind(number):
    with psutil.Popen(command("test", "1"), cwd=ROOT, stdout=subprocess.DEVNULL) as run:
        wait_for(run.children, LIMIT)
        family = run.children(recursive=True)
        run.send_signal(number)
        _, alive = psutil.wait_procs([run, *family], timeout=LIMIT)
        assert alive == []
        assert run.returncode == 128 + number


@pytest.mark.parametrize("arguments", [["--examples=0"], ["--examples=x"], ["1", "2"], ["--slow"]])
def test_arguments_are_checked_first(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        test_all.main(arguments)
    said = capsys.readouterr()
    assert (stopped.value.code, said.out) == (2, "")
    assert "error:" in said.err
