"""What holds for the code of the repository."""

import ast
import os
import secrets
import sys
from graphlib import TopologicalSorter

import pytest

from tools.sites.catalogue import ROOT, STEPS
from tools.sites.manage import manage
from tools.upkeep.changes import files, is_listed

from .conftest import completed

# All that Django's commands judge a step by; where it is that of an earlier step, so is the answer.
JUDGED = [
    "config/settings.py",
    "accounts/apps.py",
    "accounts/models.py",
    "accounts/migrations/",
    "outbox/",
]


def contents(step):
    return {name: lines for name, lines in files(step).items() if is_listed(name, JUDGED)}


DISTINCT = [
    step
    for place, step in enumerate(STEPS)
    if not any(contents(step) == contents(other) for other in STEPS[:place])
]
by_settings = pytest.mark.parametrize("step", DISTINCT, ids=lambda step: step.name)


@pytest.mark.parametrize("arguments", [["check"], ["format", "--check"]], ids=" ".join)
def test_ruff_finds_nothing(arguments):
    result = completed([sys.executable, "-m", "ruff", *arguments, "."])
    assert result.returncode == 0, result.stdout


def test_imports_between_the_rooms_of_the_tools_go_one_way():
    """The sorter raises an error that names a circle. A module beside the rooms is one itself."""
    imported = {}
    for path in (ROOT / "tools").rglob("*.py"):
        package = path.relative_to(ROOT).parts[:-1]
        room = path.relative_to(ROOT / "tools").with_suffix("").parts[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:
                names = (node.module or "").split(".")
                found = [*package[: len(package) - node.level + 1], *filter(None, names)]
                imported.setdefault(room, set()).update(set(found[1:2]) - {room})
    assert {"sites", "demo"} <= imported.keys()
    TopologicalSorter(imported).prepare()


# In one process, which takes longer to start than all of it.
CHECKS = """
from django.conf import settings
from django.core.management import call_command
assert settings.EMAIL_BACKEND == "safeguards.mail.EmailBackend", "prints mails"
call_command("check", deploy=True, fail_level="WARNING")
call_command("makemigrations", check_changes=True)
"""


@by_settings
def test_deployment_check_is_clean_with_debug_off_and_no_migration_is_missing(
    step, tmp_path, monkeypatch
):
    monkeypatch.delenv("EMAIL_BACKEND", raising=False)
    result = completed(
        manage("shell", "--no-imports", "--command", CHECKS),
        step.folder,
        VAR_DIR=str(tmp_path),
        DEBUG="off",
        SECRET_KEY=secrets.token_urlsafe(50),
    )
    assert result.returncode == 0, result.stdout + result.stderr


@by_settings
def test_missing_secret_key_is_a_clear_error_with_debug_off(step, tmp_path):
    os.environ.pop("SECRET_KEY", None)
    result = completed(manage("check"), step.folder, VAR_DIR=str(tmp_path), DEBUG="off")
    assert result.returncode != 0
    assert "Set the SECRET_KEY environment variable" in result.stderr


# Where the steps between may differ from both the first and the last: none of it sees a request.
BETWEEN = {
    "accounts/apps.py",
    "accounts/signals.py",
    "accounts/tasks.py",
    "accounts/templates/accounts/base.html",
    "config/settings.py",
}


@pytest.mark.parametrize("step", STEPS[1:-1], ids=lambda step: step.name)
def test_strangers_meet_the_code_of_the_first_or_the_last_step(step):
    met = {name: lines for name, lines in files(step).items() if name not in BETWEEN}
    ends = [files(STEPS[0]), files(STEPS[-1])]
    other = [name for name, lines in met.items() if lines not in [end.get(name) for end in ends]]
    assert [name for name in other if is_listed(name, ["accounts/", "config/"])] == []
