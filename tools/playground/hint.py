"""Give the next hint for the first task that is not done."""

import sys

from ..arguments import parse
from ..sites.catalogue import STEPS
from ..sites.processes import stop_in_order
from .check import judge
from .evidence import Broken, Evidence
from .project import NoProject, find_project, note, notes
from .stages import TASKS, chosen


def main(arguments=None):
    """Run the command; return its exit status."""
    options = parse("hint", arguments)
    try:
        project = find_project(options.folder, options.stage)
        task = chosen(project.stage, options.task)[0] if options.task else first_open(project)
    except NoProject as error:
        print(error, file=sys.stderr)
        return 2
    except Broken as error:
        print(f"First of all: {error}")
        return 1
    if task is None:
        print(f"Nothing to hint at: all tasks of stage {project.stage} are done.")
        return 0
    print(f"{task.name}: {task.promise}\n")
    print(next_hint(project, task))
    return 0


def first_open(project):
    """Return the first task of the project's stage that is not done, or None."""
    messages = {}
    with Evidence(project) as seen:
        return next((task for task in TASKS[project.stage] if judge(task, seen, messages)), None)


def next_hint(project, task):
    """Return the hint after the one that was shown last, which is noted in the folder."""
    given = notes(project.folder).get("hints", {})
    number = given.get(task.name, 0)
    if number == len(task.hints):
        theirs = project.solution.name
        end = f"That was all. A solution is in {theirs}, and explained in {theirs}/README.md."
        return "\n\n".join([*task.hints, end])
    if project.folder not in [step.folder for step in STEPS]:
        note(project.folder, hints=given | {task.name: number + 1})
    return f"Hint {number + 1} of {len(task.hints)}: {task.hints[number]}"


if __name__ == "__main__":
    stop_in_order()
    sys.exit(main())
