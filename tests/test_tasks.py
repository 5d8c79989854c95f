"""Each task of the playground: who fails it, who passes, and what is said.

`python -m tools.playground.judge` tries all of tests/solutions/; here are those that tell most.
"""

from dataclasses import replace

import pytest

from tools.playground.check import judge
from tools.playground.evidence import Evidence
from tools.playground.judge import messages_of, solutions
from tools.playground.project import Project
from tools.playground.stages import TASKS
from tools.sites.catalogue import STEPS

# What the step before is told; what is not named can't be checked yet.
AT_THE_START = {
    2: {
        "profile": "A saved user has no profile: are your receivers imported when the project"
        " starts? (`ready()` in `apps.py`)",
        "mail": "A saved user gets no mail: only the view sends one, or a receiver when `login()`"
        " saves the user again.",
        "picture": "A saved picture is not resized: no receiver listens to the profile. A receiver"
        " of the user, or the view, isn't told of a profile that gets a picture.",
        "once": "No receiver does any work yet, so there is nothing to count.",
        "failure": "This can be checked once `mail` is done.",
    },
    3: {
        "page": "The page waited for the mail: it was sent in the request's thread.",
        "commit": "The commit waited for the mail: no other thread has it yet.",
    },
    4: {"queued": "A saved user queues nothing: this process sends the mail itself."},
    5: {
        "row": "Nothing in the database remembers the mail: the transaction that saves the user"
        " writes no row for it.",
    },
}
ALL = [solution for stage in TASKS for solution in solutions(stage)]


def messages(seen, stage):
    """Return what is said of the stage's tasks."""
    seen.project = replace(seen.project, stage=stage)
    found = {}
    for task in TASKS.get(stage, []):
        judge(task, seen, found)
    return found


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_step_fails_the_next_stage_and_passes_its_own(step):
    with Evidence(Project(step.folder, max(step.number, 2))) as seen:
        said = messages(seen, step.number + 1)
        expected = AT_THE_START.get(step.number + 1, {})
        assert {name: said[name] for name in expected} == expected
        locked = [text for name, text in said.items() if name not in expected]
        assert all(text.startswith("This can be checked once") for text in locked)
        assert set(messages(seen, step.number).values()) <= {""}


@pytest.mark.parametrize(
    "solution",
    [each for each in ALL if each.is_daily],
    ids=lambda each: f"{each.stage} {each.name}",
)
def test_solution_is_judged_by_what_it_does(solution):
    assert solution.unexpected(messages_of(solution)) == []


def test_each_task_is_failed_by_three_stored_solutions():
    for stage, tasks in TASKS.items():
        for task in tasks:
            wrong = [each for each in ALL if each.stage == stage and task.name in each.fails]
            assert len(wrong) >= 3, f"{stage} {task.name}"
