"""Check what a project does against the tasks of its stage."""

import sys
import time

from ..arguments import parse
from ..sites.processes import stop_in_order
from .evidence import Broken, Evidence
from .project import NoProject, find_project, is_left_out
from .report import Report
from .stages import chosen

PAUSE = 0.5  # seconds between two looks at the files


def main(arguments=None):
    """Run the command; return 0 when every task is done, 1 when not, 2 for a wrong argument."""
    options = parse("check", arguments)
    try:
        project = find_project(options.folder, options.stage)
        tasks = chosen(project.stage, options.task)
        report = Report(project, with_tracebacks=options.traceback)
        if options.watch:
            watch(project, tasks, report)
        return 0 if check(project, tasks, report) else 1
    except NoProject as error:
        print(error, file=sys.stderr)
        return 2


def check(project, tasks, report):
    """Judge the tasks and report each; return whether all are done."""
    report.begin()
    messages = {}
    try:
        with Evidence(project) as seen:
            for task in tasks:
                report.add(task, judge(task, seen, messages))
            report.end(seen, {task.name: messages[task.name] for task in tasks})
    except Broken as error:
        report.broken(error)
        return False
    return not any(messages[task.name] for task in tasks)


def judge(task, seen, messages):
    """Return what is wrong with the task, or ""; `messages` keeps the answers by task."""
    if task.name not in messages:
        before = task.after and chosen(seen.project.stage, task.after)[0]
        if before and judge(before, seen, messages):
            messages[task.name] = f"This can be checked once `{before.name}` is done."
        else:
            message = task.judge(seen)
            same = [name for name, other in messages.items() if message and other == message]
            messages[task.name] = f"The same as for `{same[0]}`." if same else message
    return messages[task.name]


def watch(project, tasks, report):
    """Check now, and again whenever a file has changed, until Ctrl-C."""
    seen = None
    while True:
        if (now := saved_at(project.folder)) != seen:
            seen = now
            check(project, tasks, report)
            print("\nWaiting for the next save. Ctrl-C stops.", flush=True)
        time.sleep(PAUSE)


def saved_at(folder):
    """Return when each file was written, by its name."""
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if not is_left_out(name):
            try:
                found[name] = path.stat().st_mtime_ns if path.is_file() else 0
            except OSError:  # an editor has just replaced it
                found[name] = -1
    return found


if __name__ == "__main__":
    stop_in_order()
    sys.exit(main())
