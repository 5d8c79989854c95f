"""Each task of the playground: who fails it, who passes, and what is said."""

import shutil
from dataclasses import replace

import pytest

from tools.playground.check import judge
from tools.playground.evidence import Evidence
from tools.playground.lanes import lanes, solutions
from tools.playground.project import Project
from tools.playground.stages import BEYOND, TASKS, chosen
from tools.sites.catalogue import BY_NUMBER, STEPS

from . import variants_beyond
from .variants import HONEST, MISTAKES, Variant, copies

# What the step before is told.
AT_THE_START = {
    2: {
        "profile": "A saved user has no profile: are your receivers imported?"
        " (`ready()` in `apps.py`)",
        "mail": "A saved user gets no mail: only the view sends one.",
        "picture": "A saved picture is not resized: only the view does that.",
        "once": "No receiver does any work yet, so there is nothing to count.",
        "failure": "This can be checked once `mail` is done.",
    },
    3: {
        "page": "The page waited for the mail: it was sent in the request's thread.",
        "commit": "The commit waited for the mail: no other thread has it yet.",
        "failure": "This can be checked once `page` is done.",
        "connection": "This can be checked once `page` is done.",
        "shutdown": "This can be checked once `page` is done.",
    },
    4: {
        "queued": "A saved user queues nothing: this process sends the mail itself.",
        "immediate": "This can be checked once `queued` is done.",
        "keys": "This can be checked once `immediate` is done.",
        "consumer": "This can be checked once `immediate` is done.",
        "retried": "This can be checked once `immediate` is done.",
        "priority": "This can be checked once `immediate` is done.",
    },
    5: {
        "row": "Nothing in the database remembers the mail: the transaction that saves the user"
        " writes no row for it.",
        "killed": "This can be checked once `row` is done.",
        "wiped": "This can be checked once `killed` is done.",
        "woken": "This can be checked once `killed` is done.",
    },
}
BEYOND_AT_THE_START = {
    "third": "No mail to team@example.com names the new user.",
    "side-by-side": "`save()` asked the joke API 0 times, not twice.",
    "digest": "No periodic task sends team@example.com one mail that names all new users.",
    "confirmation": "The welcome mail went out before the address was confirmed.",
}
WITHOUT_REDIS = [task for task in BEYOND if task.name != "redis"]


def messages(seen, stage):
    """Return what is said of the stage's tasks."""
    seen.project = replace(seen.project, stage=stage)
    found = {}
    for task in TASKS.get(stage, []):
        judge(task, seen, found)
    return found


def copied(stage, parent):
    """Return a copy of a step, with the bytecode that spares the time to compile it."""
    folder = parent / "mein Übungsplatz"
    left_out = shutil.ignore_patterns("tests", "var")  # which no check looks at
    return shutil.copytree(BY_NUMBER[stage].folder, folder, ignore=left_out)


@pytest.mark.parametrize(
    "mistakes", copies(), ids=lambda mistakes: " and ".join(mistake.name for mistake in mistakes)
)
def test_mistake_is_told(mistakes, tmp_path):
    [stage] = {mistake.stage for mistake in mistakes}
    folder = copied(stage, tmp_path)
    for mistake in mistakes:
        mistake.write(folder)
    with Evidence(Project(folder, stage)) as seen:
        for mistake in mistakes:
            [task] = chosen(stage, mistake.task)
            assert mistake.says in task.judge(seen)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_step_fails_the_next_stage_and_passes_its_own_drawn_as_recorded(step):
    stage = step.number
    with Evidence(Project(step.folder, stage)) as seen:
        assert messages(seen, stage + 1) == AT_THE_START.get(stage + 1, {})
        if stage == 4:
            assert {task.name: task.judge(seen) for task in WITHOUT_REDIS} == BEYOND_AT_THE_START
        if stage in TASKS:
            assert set(messages(seen, stage).values()) == {""}
            assert pieces(lanes(seen.lanes())) == pieces(solutions()[str(stage)])


def pieces(drawing):
    return {row: {event for event, *_ in work} for row, work in drawing["rows"].items()}


@pytest.mark.parametrize("variant", HONEST, ids=lambda variant: variant.name)
def test_another_way_to_do_it_passes(variant, tmp_path):
    folder = copied(variant.stage, tmp_path)
    variant.write(folder)
    with Evidence(Project(folder, variant.stage)) as seen:
        assert set(messages(seen, variant.stage).values()) == {""}


def test_each_task_has_three_other_ways_and_three_mistakes():
    for stage, tasks in TASKS.items():
        assert sum(variant.stage == stage for variant in HONEST) >= 3
        for task in tasks:
            wrong = [v for v in MISTAKES if (v.stage, v.task) == (stage, task.name)]
            assert len(wrong) >= 3, f"stage {stage}, {task.name}"


@pytest.mark.parametrize("variant", variants_beyond.HONEST, ids=lambda variant: variant.name)
def test_way_beyond_passes(variant, tmp_path):
    folder = copied(variant.stage, tmp_path)
    variant.write(folder)
    with Evidence(Project(folder, variant.stage)) as seen:
        assert {task.judge(seen) for task in WITHOUT_REDIS} == {""}


@pytest.mark.parametrize(
    ("edits", "says"), variants_beyond.MISTAKES.values(), ids=variants_beyond.MISTAKES
)
def test_mistake_beyond_is_told(edits, says, tmp_path):
    right, wrong = variants_beyond.HONEST[0], Variant("", 4, edits)
    folder = copied(4, tmp_path)
    right.write(folder)
    wrong.write(folder)
    with Evidence(Project(folder, 4)) as seen:
        for task in WITHOUT_REDIS:
            assert says[task.name] in task.judge(seen)
