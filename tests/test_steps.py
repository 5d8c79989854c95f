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

SCREEN = 78  # lines
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
def test_lines_changed_are_as_few_as_promised(before, after, capsys, record_property):
    counts = changed_lines(before, after)
    counts = {name: lines for name, lines in counts.items() if not name.startswith("outbox/")}
    total = sum(counts.values())
    with capsys.disabled():
        print(f"\n{after.name}: {total} lines changed, at most {MOST_LINES[after.name]}", end=" ")
    record_property("lines changed", total)
    assert total <= MOST_LINES[after.name], counts


@neighbours
def test_difference_of_each_file_fits_on_one_screen(before, after):
    counts = changed_lines(before, after)
    assert {name: lines for name, lines in counts.items() if lines > SCREEN} == {}


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_lesson_is_as_short_as_promised(step, capsys):
    names = [name for name in files(step) if name.endswith(".py") and not is_aside(name)]
    outbox = [name for name in names if name.startswith("outbox/")]
    lesson = [name for name in names if name.startswith(("accounts/", "config/"))]
    total, of_outbox = count(step, lesson + outbox), count(step, outbox)
    with capsys.disabled():
        print(f"\n{step.name}: {len(lesson)} files, {total} lines, outbox/ {of_outbox}", end=" ")
    assert total <= MOST_LINES_OF_LESSON[step.name]
    assert of_outbox <= MOST_LINES_OF_OUTBOX


def count(step, names):
    return sum(len(files(step)[name]) for name in names)


def test_steps_import_nothing_from_outside():
    for step in STEPS:
        for name, lines in files(step).items():
            assert not OUTSIDE.search("\n".join(lines)), name
