"""Copy the step before stage N into a folder, and say what its tasks are."""

import shutil
import sys

from ..arguments import parse
from .check import say
from .project import (
    PLAYGROUND,
    NoProject,
    changed_files,
    find_project,
    folder_of,
    make,
    put_aside,
    shown,
)
from .stages import BEFORE, MINUTES, TASKS


def main(arguments=None):
    """Run the command; return its exit status."""
    options = parse("start", arguments)
    folder = folder_of(options.folder) if options.folder else PLAYGROUND
    try:
        if folder.exists():
            make_room(folder, options)
        project = make(folder, options.stage)
    except NoProject as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{shown(folder)} can't be written: {error.strerror}.", file=sys.stderr)
        return 1
    welcome(project)
    return 0


def make_room(folder, options):
    """Remove what is in the folder if nothing is lost by it; raise NoProject otherwise."""
    if options.keep:
        print(f"What was there is in {shown(put_aside(folder))}.\n")
        return
    again = f"start {options.stage}"
    keeping = f"`{again} --keep` renames it first; `{again} another-folder` leaves it as it is."
    try:
        changed = changed_files(find_project(folder))
    except NoProject:
        raise NoProject(f"{shown(folder)} is there already. {keeping}") from None
    if changed:
        raise NoProject(
            f"{shown(folder)} holds work of yours, in {', '.join(changed[:3])}"
            f"{' and others' * (len(changed) > 3)}. {keeping}"
        )
    shutil.rmtree(folder)


def welcome(project):
    where, name = project.origin, shown(project.folder)
    name = f'"{name}"' if " " in name else name
    print(f"{name} is a copy of {where.name}. Change it until all of this holds.")
    print(f"A beginner needs some {MINUTES[project.stage]} minutes, by our estimate.\n")
    for task in TASKS[project.stage]:
        say("", task.name, task.promise)
        say("", "", task.why)
    if project.stage in BEFORE:
        print(f"\n{BEFORE[project.stage]}")
    option = "" if project.folder == PLAYGROUND else f" {name}"
    print(f"""
python workshop.py check{option} --watch
    checks it after each save
python workshop.py hint{option}
    helps, a bit more each time
python workshop.py run {name}
    runs it, on a port of its own""")


if __name__ == "__main__":
    sys.exit(main())
