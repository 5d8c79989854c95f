"""The command that carries an edit to the later steps, in a repository of its own."""

import subprocess

import pytest

from tools.sites.catalogue import STEPS
from tools.upkeep.copy_down import copy_down

FIRST, SECOND, THIRD, FOURTH, FIFTH = (step.name for step in STEPS)
SHARED = "accounts/forms.py"  # the same in all steps
SIGNALS = "accounts/signals.py"  # another one in each step from the second on


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A repository in which the steps share a file, and each has a signals.py of its own."""
    for step in STEPS:
        write(tmp_path, step.name, SHARED, "shared\n")
        if step.name != FIRST:
            write(tmp_path, step.name, SIGNALS, f"{step.name}\n")
    (tmp_path / ".gitignore").write_text("var/\n", encoding="utf-8")
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"]:  # set while git runs a hook
        monkeypatch.delenv(name, raising=False)
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    return tmp_path


def git(root, *arguments):
    subprocess.run(["git", *arguments], cwd=root, check=True)


def commit(root):
    git(root, "add", "--all")
    author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=no"]
    git(root, *author, "commit", "--quiet", "--message", "A commit")


def write(root, step, name, text):
    path = root / step / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


def contents(root, name):
    """Return what the file holds in each step, None where there is none."""
    paths = [root / step.name / name for step in STEPS]
    return [path.read_text(encoding="utf-8") if path.exists() else None for path in paths]


def test_edit_is_carried_to_all_later_steps(root, capsys):
    write(root, FIRST, SHARED, "edited\n")
    assert copy_down(root) == 0
    assert contents(root, SHARED) == ["edited\n"] * 5
    assert f"{FIRST}/{SHARED} -> {FIFTH}/{SHARED}" in capsys.readouterr().out
    assert copy_down(root) == 0
    assert capsys.readouterr().out == "Nothing to copy.\n"


def test_file_that_a_step_is_listed_to_change_is_its_own(root):
    write(root, SECOND, SIGNALS, "edited\n")
    assert copy_down(root) == 0
    assert contents(root, SIGNALS)[1:] == ["edited\n", f"{THIRD}\n", f"{FOURTH}\n", f"{FIFTH}\n"]


def test_version_that_begins_in_a_step_is_carried_from_there(root):
    write(root, SECOND, "accounts/services.py", "edited\n")
    assert copy_down(root) == 0
    assert contents(root, "accounts/services.py") == [None, *["edited\n"] * 4]


@pytest.mark.parametrize("edited", [[FIRST, FOURTH], [FOURTH]])
def test_other_edit_in_a_later_step_is_not_lost(root, capsys, edited):
    for step in edited:
        write(root, step, SHARED, f"edited in {step}\n")
    before = contents(root, SHARED)
    assert copy_down(root) == 1
    assert contents(root, SHARED) == before
    said = f"{FOURTH}/{SHARED} was itself edited, and this version begins in {FIRST}/{SHARED}: "
    assert f"{said}edit that" in capsys.readouterr().err


def test_new_file_is_carried_and_a_removed_one_removed(root):
    write(root, FIRST, "accounts/new.py", "new\n")
    (root / FIRST / SHARED).unlink()
    assert copy_down(root) == 0
    assert contents(root, "accounts/new.py") == ["new\n"] * 5
    assert contents(root, SHARED) == [None] * 5
