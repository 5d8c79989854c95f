"""The launcher's commands, by who uses them. Standard library only."""

from typing import NamedTuple


class Command(NamedTuple):
    """One command. Without locks it runs on a bare Python, and needs the standard library only."""

    room: str  # the package in tools/ that has it, and in `arguments` what can be said after it
    module: str  # in the room; "" if there is nothing to run
    locks: list  # in requirements/
    summary: str


STEPS = ["workshop.txt"]  # what the steps and most commands need
CLUSTER = ["cluster.txt", "servers.txt"]
ATTENDEE = {
    "demo": Command("demo", "demo", STEPS, "sign users up in all five steps; compare the times"),
    "run": Command("demo", "run", STEPS, "run one step (1 to 5), with code reload"),
    "start": Command("playground", "start", STEPS, "write step N (2 to 5) yourself: its tasks"),
    "check": Command("playground", "check", STEPS, "check which tasks are done; --watch"),
    "hint": Command("playground", "hint", STEPS, "help with the first task that is not done"),
    "reset": Command("playground", "reset", STEPS, "start the stage again, and keep a backup"),
    "control": Command("standins", "control", STEPS, "make the stand-ins slow, failing or healthy"),
    "notebooks": Command(
        "publish",
        "notebooks",
        [*STEPS, "notebooks.txt", "jupyterlab.txt"],
        "open the notebooks in JupyterLab; --update executes them",
    ),
    "test": Command(
        "upkeep",
        "test_all",
        [*STEPS, "tests.txt", "browser.txt", "notebooks.txt", "site.txt", *CLUSTER],
        "run every test, or those of one step",
    ),
    "doctor": Command("setup", "doctor", [], "say whether this machine is ready; how to fix it"),
    "install": Command("setup", "", STEPS, "install the packages of other commands, and no more"),
}
INSTRUCTOR = {
    "bundle": Command(
        "setup", "bundle", ["bundle.txt"], "pack everything for a room without a network"
    ),
    "site": Command(
        "publish",
        "site",
        [*STEPS, "site.txt"],
        "write the pages and a replay of the race as a static site",
    ),
    "slides": Command("publish", "slides", STEPS, "write the slides as one HTML file"),
    "standins": Command("standins", "serve", STEPS, "start only the joke API and the mail server"),
    "losses": Command("measure", "losses", STEPS, "stop each step at work; count what is lost"),
    "cluster": Command(
        "cluster",
        "cluster",
        [*STEPS, *CLUSTER],
        "run step 5 on PostgreSQL, Redis and a store, and break it",
    ),
}
MAINTAINER = {
    "copy-down": Command("upkeep", "copy_down", [], "carry an edit of a file to later steps"),
    "docs": Command("publish", "docs", [], "say which page is out of date; --update rewrites it"),
    "record": Command("measure", "record", STEPS, "record the runs that the notebooks plot"),
    "bench": Command(
        "measure", "bench", [*STEPS, "bench.txt"], "measure the steps, and other queues"
    ),
    "screenshots": Command(
        "publish", "screenshots", [*STEPS, "browser.txt"], "take the screenshots again"
    ),
}
COMMANDS = ATTENDEE | INSTRUCTOR | MAINTAINER


def usage():
    """Return the help text."""
    lines = ["usage: python workshop.py COMMAND [ARGS]"]
    who = {"attendee": ATTENDEE, "instructor": INSTRUCTOR, "maintainer": MAINTAINER}
    for name, commands in who.items():
        lines.append(f"for the {name}:")
        lines += [f"  {name:<12}{command.summary}" for name, command in commands.items()]
    lines.append("The first run installs what is needed into .venv; later runs need no network.")
    return "\n".join(lines) + "\n"


def locks_of(name, options):
    """Return the locks that a command needs with these options."""
    locks = COMMANDS[name].locks
    if name == "install":
        return list(
            dict.fromkeys(lock for each in options.commands for lock in COMMANDS[each].locks)
        )
    if name == "record" and options.what == "cluster":
        return COMMANDS["cluster"].locks
    spared = []
    if name == "test" and options.step:
        spared = ["browser.txt", "notebooks.txt", "site.txt", *CLUSTER]
    if name == "notebooks" and options.update is not None:
        spared = ["jupyterlab.txt"]
    return [lock for lock in locks if lock not in spared]
