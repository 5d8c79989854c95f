"""Neighbouring steps differ only where they say."""

import difflib
import re
from itertools import pairwise

import pytest

from tools.steps import STEPS

# By step: the files that it has and the step before has not, or has otherwise.
CHANGES = {
    "step2_signals": {
        "accounts/apps.py",
        "accounts/forms.py",
        "accounts/signals.py",
        "accounts/templates/accounts/_step.html",
        "accounts/views.py",
    },
    "step3_threading": {
        "accounts/signals.py",
        "accounts/templates/accounts/_step.html",
    },
    "step4_huey": {
        "accounts/admin.py",
        "accounts/leases.py",
        "accounts/migrations/0002_leases.py",
        "accounts/models.py",
        "accounts/signals.py",
        "accounts/tasks.py",
        "accounts/templates/accounts/_step.html",
        "config/settings.py",
        "config/urls.py",
        "tests/conftest.py",
    },
}
# Tells what the step alone promises, so it has another name in each.
OWN = {
    "step1_sync_signup": {"README.md", "tests/test_sync_signup.py"},
    "step2_signals": {"README.md", "tests/test_signals.py"},
    "step3_threading": {"README.md", "tests/test_threading.py"},
    "step4_huey": {"README.md", "tests/test_admin.py", "tests/test_huey.py"},
}
OUTSIDE = re.compile(r"^\s*(from|import) (tools|workshop|step\d)", re.MULTILINE)
SCREEN = 70  # lines
neighbours = pytest.mark.parametrize(
    ("before", "after"), list(pairwise(STEPS)), ids=lambda s: s.name
)


def files(step):
    """Return the step's files, without what it writes while it runs."""
    paths = [path.relative_to(step.folder) for path in step.folder.rglob("*") if path.is_file()]
    return {
        path.as_posix(): (step.folder / path).read_text(encoding="utf-8").splitlines()
        for path in paths
        if not any(part in {"var", "__pycache__"} or part.startswith(".") for part in path.parts)
    }


@neighbours
def test_all_other_files_are_the_same(before, after):
    old, new = files(before), files(after)
    changed = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
    assert changed == CHANGES[after.name] | OWN[before.name] | OWN[after.name]


@neighbours
def test_difference_of_each_file_fits_on_one_screen(before, after):
    old, new = files(before), files(after)
    for name in CHANGES[after.name]:
        lines = list(difflib.unified_diff(old.get(name, []), new[name], n=0))[2:]  # no header
        changed = [line for line in lines if line[0] in "+-" and line[1:].strip()]
        assert len(changed) <= SCREEN, name


def test_steps_import_nothing_from_outside():
    for step in STEPS:
        for name, lines in files(step).items():
            assert not OUTSIDE.search("\n".join(lines)), name
