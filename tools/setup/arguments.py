"""The arguments of doctor, bundle and install. Standard library only."""

from argparse import ArgumentTypeError

from ..arguments import add_base_port, add_output
from ..commands import COMMANDS
from ..sites.catalogue import ROOT

SYSTEMS = ["linux", "macos-arm", "macos-intel", "windows"]  # that a bundle can be made for
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


def doctor(parser):
    """Say whether this machine is ready for the workshop, and how to fix what isn't.

    It downloads nothing and changes nothing. The exit status is 1 if something must be fixed.
    """
    add_base_port(parser, "check the ports from there on")


def bundle(parser):
    """Pack this repository and the packages of several systems and Pythons into one archive.

    A machine without a network unpacks it and runs any command there. It holds what all commands
    need except bench, cluster, notebooks, screenshots and test without a step. Name those that
    you also need.
    """
    add_commands(parser, "commands to pack for as well, such as notebooks", default=[])
    parser.add_argument(
        "--systems", nargs="+", choices=SYSTEMS, default=SYSTEMS, help="only these (all)"
    )
    parser.add_argument(
        "--pythons", nargs="+", choices=PYTHONS, default=PYTHONS, help="only these (all)"
    )
    add_output(parser, ROOT / "workshop-bundle.zip")


def install(parser):
    """Install what other commands need, so that they need no network later."""
    words = "commands to install for, such as test or notebooks (demo, also enough for run)"
    add_commands(parser, words, default=["demo"])


def add_commands(parser, what, default):
    parser.add_argument(
        "commands",
        nargs="*",
        default=default,
        type=command,
        metavar="COMMAND",
        help=what,
    )


def command(text):
    if text not in COMMANDS:
        raise ArgumentTypeError(f"there is no command {text!r}")
    return text
