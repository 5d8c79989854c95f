"""The launcher: python workshop.py COMMAND [ARGS]; without a command, it says which there are.

It runs before anything is installed: standard library only. This file parses on any Python, even
2.7, so that an old one gets a clear line; what needs a new one is in tools/environment.py.
"""

import os
import sys

# command: (its module in tools/, the locks in requirements/ that it needs, what it does). Without
# locks it runs on the Python that runs this, and imports the standard library only.
COMMANDS = {
    "demo": ("demo", ["workshop.txt"], "sign users up in all five steps and compare the times"),
    "run": ("run", ["workshop.txt"], "run one step (1 to 5) for following along, with code reload"),
    "start": ("playground.start", ["workshop.txt"], "write step N (2 to 5) yourself: its tasks"),
    "check": ("playground.check", ["workshop.txt"], "check which tasks are done; --watch"),
    "hint": ("playground.hint", ["workshop.txt"], "help with the first task that is not done"),
    "diff": ("playground.diff", ["workshop.txt"], "compare what you wrote with the solution"),
    "reset": ("playground.reset", ["workshop.txt"], "start the stage again, and keep a backup"),
    "test": (
        "test_all",
        [
            "workshop.txt",
            "tests.txt",
            "browser.txt",
            "notebooks.txt",
            "cluster.txt",
            "servers.txt",
            "site.txt",
        ],
        "run every test, or those of one step",
    ),
    "notebooks": (
        "notebooks",
        ["workshop.txt", "notebooks.txt", "jupyterlab.txt"],
        "open the notebooks in JupyterLab; --update executes them instead",
    ),
    "docs": ("docs", [], "say which README is out of date; --update rewrites it"),
    "copy-down": ("copy_down", [], "carry an edit of a shared file to later steps"),
    "cluster": (
        "cluster",
        ["workshop.txt", "cluster.txt", "servers.txt"],
        "run step 5 on PostgreSQL, Redis and a store, and break it",
    ),
    "losses": ("losses", ["workshop.txt"], "stop each step with work under way; count the losses"),
    "bench": (
        "bench",
        ["workshop.txt", "bench.txt"],
        "measure how close to the limit the steps are, and what else one could pick",
    ),
    "record": ("record", ["workshop.txt"], "record anew what the notebooks plot"),
    "screenshots": ("screenshots", ["workshop.txt", "browser.txt"], "make screenshots/ anew"),
    "slides": ("slides", ["workshop.txt"], "write the instructor's slides as one HTML file"),
    "site": (
        "publish.site",
        ["workshop.txt", "site.txt"],
        "write the READMEs, notebooks and a replay of the race as a static site",
    ),
    "control": ("control", ["workshop.txt"], "make the stand-ins slow, failing or healthy"),
    "standins": ("standins", ["workshop.txt"], "start only the stand-in joke API and mail server"),
    "doctor": ("doctor", [], "say whether this machine is ready, and how to mend what isn't"),
    "bundle": ("bundle", ["bundle.txt"], "pack all of it for a room without a network"),
    "install": (None, ["workshop.txt"], "install what the other commands need, and nothing else"),
}
# What checks the arguments.
CHECKED = [
    "tools/arguments.py",
    "tools/catalogue.py",
    "tools/playground/__init__.py",
    "tools/playground/project.py",
]
ROOT = os.path.dirname(os.path.abspath(__file__))


def usage():
    """Return the help text."""
    lines = ["usage: python workshop.py COMMAND [ARGS]"]
    lines += ["  " + name.ljust(12) + COMMANDS[name][2] for name in COMMANDS]
    lines += ["The first run installs what is needed into .venv; later runs need no network."]
    return "\n".join(lines) + "\n"


def path_of(module):
    """Return the path of a module in tools/, which may be a package."""
    if not module:
        return "tools/__init__.py"
    package = "tools/" + module.replace(".", "/")
    is_package = os.path.isdir(os.path.join(ROOT, package))
    return package + "/__main__.py" if is_package else package + ".py"


def main(arguments):
    """Run a command and return its exit status: 2 if there is no such command."""
    name = arguments[0] if arguments else "help"
    if name in ("help", "-h", "--help"):
        sys.stdout.write(usage())
        return 0
    if name not in COMMANDS:
        sys.stderr.write("workshop.py: there is no command '" + name + "'\n\n" + usage())
        return 2
    if sys.version_info < (3, 11):  # noqa: UP036 - older ones do get here
        sys.exit(
            "workshop.py: this is Python "
            + sys.version.split()[0]
            + ", and 3.11 to 3.14 is needed: "
            "install one and name it, as in 'python3.13 workshop.py " + name + "' "
            "(on Windows 'py -3.13 workshop.py " + name + "')"
        )
    check_is_complete(["tools/environment.py"] + CHECKED)
    sys.path.insert(0, ROOT)  # PYTHONSAFEPATH keeps it out
    from tools import arguments as parsers
    from tools import environment

    options = parsers.parse(name, arguments[1:])  # which ends here if they make no sense
    module, locks, _ = COMMANDS[name]
    if options:
        locks = parsers.needed(name, options)
    check_is_complete([path_of(module)] + ["requirements/" + lock for lock in locks])
    wheels = getattr(options, "wheels", None)
    return environment.run(name, module, locks, arguments[1:], wheels)


def check_is_complete(paths):
    """Exit with one line if one of the clone's files is not there."""
    missing = [path for path in paths if not os.path.isfile(os.path.join(ROOT, path))]
    if missing:
        sys.exit(
            "workshop.py: this clone looks incomplete: it has no " + ", ".join(missing) + "; "
            "try 'git restore .', or clone again"
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
