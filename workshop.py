# /// script
# requires-python = ">=3.11"
# dependencies = []
# ///
"""The launcher: python workshop.py COMMAND [ARGS]; without a command, it says which there are.

It runs before anything is installed: standard library only. This file parses on any Python, even
2.7, so that an old one gets a clear line; what needs a new one is in tools/.
"""

import os
import sys

ROOT = os.path.dirname(os.path.abspath(__file__))
# What checks the arguments and installs, besides the room's own `arguments`.
NEEDED = [
    "tools/__init__.py",
    "tools/arguments.py",
    "tools/commands.py",
    "tools/filelock.py",
    "tools/playground/project.py",
    "tools/setup/environment.py",
    "tools/setup/imports.py",
    "tools/sites/catalogue.py",
]


def main(arguments):
    """Run a command and return its exit status: 2 if there is no such command."""
    name = arguments[0] if arguments else "help"
    if sys.version_info < (3, 11):  # noqa: UP036 - older ones do get here
        sys.exit(
            "workshop.py: this is Python "
            + sys.version.split()[0]
            + ", and 3.11 to 3.14 is needed: "
            "install one and name it, as in 'python3.13 workshop.py " + name + "' "
            "(on Windows 'py -3.13 workshop.py " + name + "')"
        )
    check_is_complete(NEEDED)
    sys.path.insert(0, ROOT)  # PYTHONSAFEPATH keeps it out
    from tools.commands import COMMANDS, locks_of, usage

    if name in ("help", "-h", "--help"):
        sys.stdout.write(usage())
        return 0
    if name not in COMMANDS:
        sys.stderr.write("workshop.py: there is no command '" + name + "'\n\n" + usage())
        return 2
    command = COMMANDS[name]
    folder = "tools/" + command.room
    check_is_complete([folder + "/arguments.py"])
    from tools import arguments as parsers
    from tools.setup import environment

    options = parsers.parse(name, arguments[1:])  # which ends here if they make no sense
    locks = locks_of(name, options)
    check_is_complete(["requirements/" + lock for lock in locks])
    module = command.room + "." + command.module
    if command.module:
        path = folder + "/" + command.module
        check_is_complete([path if os.path.isdir(os.path.join(ROOT, path)) else path + ".py"])
    wheels = getattr(options, "wheels", None)
    return environment.run(name, command.module and module, locks, arguments[1:], wheels)


def check_is_complete(paths):
    """Exit with one line if one of the clone's files is not there."""
    missing = [path for path in paths if not os.path.exists(os.path.join(ROOT, path))]
    if missing:
        sys.exit(
            "workshop.py: this clone looks incomplete: it has no " + ", ".join(missing) + "; "
            "try 'git restore .', or clone again"
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
