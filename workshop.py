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
    parts = ["requirements", "tools"]
    if not all(os.path.isdir(os.path.join(ROOT, part)) for part in parts):
        sys.exit(
            "workshop.py: this clone looks incomplete: it lacks " + " or ".join(parts) + "; "
            "try 'git restore .', or clone again"
        )
    sys.path.insert(0, ROOT)  # PYTHONSAFEPATH keeps it out
    from tools.commands import COMMANDS, locks_of, usage

    if name in ("help", "-h", "--help"):
        sys.stdout.write(usage())
        return 0
    if name not in COMMANDS:
        sys.stderr.write("workshop.py: there is no command '" + name + "'\n\n" + usage())
        return 2
    from tools import arguments as parsers
    from tools.setup import environment

    options = parsers.parse(name, arguments[1:])  # which ends here if they make no sense
    return environment.run(name, locks_of(name, options), arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
