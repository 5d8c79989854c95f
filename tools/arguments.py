"""Read a command's arguments, and what several commands' arguments share.

Standard library only, like `arguments` in each room: the launcher checks what was typed before it
installs anything.
"""

import argparse
import inspect
import os
import socket
from importlib import import_module

from .commands import COMMANDS
from .sites.catalogue import STEPS, find_step, started_in


def parse(name, arguments=None):
    """Return a command's options. Exit with 0 after --help, with 2 if the arguments make no sense.

    The room's module `arguments` has a function of the command's name that adds its arguments to a
    parser; its docstring is what --help says.
    """
    module = import_module(f"tools.{COMMANDS[name].room}.arguments")
    add_arguments = getattr(module, name.replace("-", "_"))
    parser = argparse.ArgumentParser(
        prog=f"workshop.py {name}",
        description=inspect.cleandoc(add_arguments.__doc__),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    options = parser.parse_args(arguments)
    if name == "losses" and os.name != "posix":
        parser.error("this command sends POSIX signals, which Windows does not have")
    return options


def whole_number(text, limit):
    if not text.isdecimal() or not 1 <= int(text) <= limit:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {limit}")
    return int(text)


def positive(text):
    return whole_number(text, 100_000)


def step(text):
    try:
        return find_step(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def new_file(text):
    path = started_in(text).resolve()
    if not path.parent.is_dir() or path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} can't be a file: is there such a folder?")
    return path


def ipv4(text):
    """Return the IPv4 address of a host's name or address."""
    try:
        return socket.gethostbyname(text)
    except (OSError, UnicodeError) as error:
        raise argparse.ArgumentTypeError(f"there is no host {text!r}") from error


def base_port(text):
    return whole_number(text, 65535 - 25)  # the mail server listens 25 above it


def add_url(parser):
    parser.add_argument("--url", default="http://127.0.0.1:8010", help="of the stand-ins")


def add_host(parser):
    parser.add_argument(
        "--host",
        type=ipv4,
        default="127.0.0.1",
        help="let others in your network in: 0.0.0.0, or one address of this machine",
    )


def add_base_port(parser, what):
    parser.add_argument(
        "--base-port", type=base_port, default=8000, metavar="PORT", help=f"{what} (8000)"
    )


def add_output(parser, default):
    parser.add_argument(
        "--output",
        type=new_file,
        default=default,
        metavar="FILE",
        help=f"where to write it ({default.name})",
    )


def add_json(parser):
    parser.add_argument(
        "--json", type=started_in, metavar="FILE", help="write the figures there too"
    )


def numbers():
    return ", ".join(str(step.number) for step in STEPS)
