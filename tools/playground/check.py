"""Check what a project does against the tasks of its stage."""

import shutil
import sys
import textwrap
import time
from contextlib import suppress

from ..arguments import parse
from ..sites.catalogue import STEPS
from ..sites.processes import stop_in_order
from .evidence import Broken, Evidence
from .project import NoProject, files, find_project, shown
from .stages import chosen
from .tasks import Wrong

PAUSE = 0.5  # seconds between two looks at the files


def main(arguments=None):
    """Run the command; return 0 when every task is done, 1 when not, 2 for a wrong argument."""
    options = parse("check", arguments)
    try:
        project = find_project(options.folder, options.stage)
        tasks = chosen(project.stage, options.task)
    except NoProject as error:
        print(error, file=sys.stderr)
        return 2
    if options.watch:
        watch(project, tasks, options.traceback)
    return 0 if check(project, tasks, options.traceback) else 1


def check(project, tasks, with_tracebacks):
    """Judge the tasks and say what is found, as it comes; return whether all are done."""
    began = time.monotonic()
    print(f"{project.label}: {project.solution.where}\n", flush=True)
    messages = {}
    try:
        with Evidence(project) as seen:
            for task in tasks:
                message = judge(task, seen, messages)
                say("✗" if message else "✓", task.name, task.promise)
                if message:
                    say("", "", f"→ {message}")
    except Broken as error:
        print(f"✗ {str(error).rstrip('.')}.", flush=True)
        if with_tracebacks:
            print(error.traceback)
        elif error.traceback:
            print("`check --traceback` shows the traceback.")
        return False
    if with_tracebacks:
        print("", *seen.tracebacks or ["No traceback."], sep="\n")
    still_open = [task.name for task in tasks if messages[task.name]]
    noun = "task" if len(tasks) == 1 else "tasks"
    done, seconds = len(tasks) - len(still_open), time.monotonic() - began
    print(f"\n{done} of {len(tasks)} {noun} done, checked in {seconds:.1f} s.")
    if still_open:
        print(f"Next: {still_open[0]}. `python workshop.py hint` helps.")
        if seen.tracebacks and not with_tracebacks:
            print("`check --traceback` shows the errors' tracebacks.")
    elif len(tasks) > 1:
        print(f"`git diff --no-index {shown(project.folder)} {project.solution.name}` compares.")
        if project.stage < STEPS[-1].number:
            print(f"`python workshop.py start {project.stage + 1}` goes on.")
    return not still_open


def say(mark, name, text):
    """Print a text beside a mark and a name, as wide as the terminal."""
    width = min(shutil.get_terminal_size((100, 24)).columns, 110)
    begin = f"{mark:2}{name:14}"
    indent = " " * len(begin)
    print(textwrap.fill(text, width, initial_indent=begin, subsequent_indent=indent), flush=True)


def judge(task, seen, messages):
    """Return what is wrong with the task, or ""; `messages` keeps the answers by task."""
    if task.name not in messages:
        before = task.after and chosen(seen.project.stage, task.after)[0]
        if before and judge(before, seen, messages):
            messages[task.name] = f"This can be checked once `{before.name}` is done."
        else:
            message = message_of(task, seen)
            same = [name for name, other in messages.items() if message and other == message]
            messages[task.name] = f"The same as for `{same[0]}`." if same else message
    return messages[task.name]


def message_of(task, seen):
    try:
        task.judge(seen)
    except Wrong as error:
        return str(error)
    return ""


def watch(project, tasks, with_tracebacks):
    """Check now, and again whenever a file has changed, until Ctrl-C."""
    seen = None
    while True:
        if (now := saved_at(project.folder)) != seen:
            seen = now
            check(project, tasks, with_tracebacks)
            print("\nWaiting for the next save. Ctrl-C stops.", flush=True)
        time.sleep(PAUSE)


def saved_at(folder):
    """Return when each file was written, by its name."""
    found = {}
    for name, path in files(folder).items():
        with suppress(OSError):  # an editor has just replaced it
            found[name] = path.stat().st_mtime_ns
    return found


if __name__ == "__main__":
    stop_in_order()
    sys.exit(main())
