"""Neighbouring steps differ only where tools/upkeep/changes.py says, and in as few lines."""

import re
from itertools import pairwise

import pytest

from tools.sites.catalogue import STEPS
from tools.upkeep.changes import (
    CHANGES,
    MOST_LINES,
    MOST_LINES_OF_LESSON,
    MOST_LINES_OF_OUTBOX,
    changed_lines,
    files,
    is_aside,
    is_listed,
    may_change,
)

OUTSIDE = re.compile(r"^\s*(from|import) (tools|workshop|step\d)", re.MULTILINE)
neighbours = pytest.mark.parametrize(
    ("before", "after"), list(pairwise(STEPS)), ids=lambda s: s.name
)


def differing(before, after):
    old, new = files(before), files(after)
    return {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}


@neighbours
def test_all_other_files_are_the_same(before, after):
    names = [name for name in differing(before, after) if not may_change(after, name)]
    assert sorted(names) == [], (
        "if one of them was edited: python workshop.py copy-down"
        " (if the step is to change it: list it in tools/upkeep/changes.py)"
    )


@neighbours
def test_what_is_listed_does_differ(before, after):
    names = differing(before, after)
    unchanged = [p for p in CHANGES[after.name] if not any(is_listed(name, [p]) for name in names)]
    assert unchanged == []


@neighbours
def test_lines_changed_are_as_few_as_promised(before, after):
    counts = changed_lines(before, after)
    counts = {name: lines for name, lines in counts.items() if not name.startswith("outbox/")}
    assert sum(counts.values()) <= MOST_LINES[after.name], counts


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_lesson_is_as_short_as_promised(step):
    lines = {name: len(lines) for name, lines in files(step).items() if name.endswith(".py")}
    lesson = [
        name
        for name in lines
        if is_listed(name, ["accounts/", "config/", "outbox/"]) and not is_aside(name)
    ]
    outbox = [name for name in lesson if name.startswith("outbox/")]
    assert sum(lines[name] for name in lesson) <= MOST_LINES_OF_LESSON[step.name]
    assert sum(lines[name] for name in outbox) <= MOST_LINES_OF_OUTBOX


def test_steps_import_nothing_from_outside():
    for step in STEPS:
        for name, lines in files(step).items():
            assert not OUTSIDE.search("\n".join(lines)), name
