"""The tasks of each stage."""

from ..project import NoProject
from . import stage2, stage3, stage4, stage5

TASKS = {2: stage2.TASKS, 3: stage3.TASKS, 4: stage4.TASKS, 5: stage5.TASKS}
MINUTES = {2: 30, 3: 15, 4: 25, 5: 60}  # estimated, for a beginner
# What to know before one begins: which tool, and what the checker expects of a name.
BEFORE = {4: stage4.BEFORE, 5: stage5.BEFORE}


def chosen(stage, name=None):
    """Return the tasks of the stage, or the one of this name; raise NoProject if there is none."""
    if name is None:
        return TASKS[stage]
    tasks = {task.name: task for task in TASKS[stage]}
    if name not in tasks:
        raise NoProject(f"Stage {stage} has no task {name!r}. There are: {', '.join(tasks)}.")
    return [tasks[name]]
