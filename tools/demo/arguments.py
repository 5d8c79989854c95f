"""The arguments of demo and run. Standard library only."""

from argparse import ArgumentTypeError

from ..arguments import add_base_port, add_host, add_json, numbers, positive
from ..playground.project import find_project, is_project
from ..sites.catalogue import find_step, started_in


def demo(parser):
    """Sign real users up through all five steps, and show what the visitors waited for."""
    parser.add_argument("--signups", type=positive, default=3, metavar="N", help="per step (3)")
    parser.add_argument("--once", action="store_true", help="stop when the table is printed")
    add_json(parser)
    add_base_port(parser, "the race's page listens there, the steps above it")
    add_host(parser)
    parser.add_argument(
        "--open-races",
        action="store_true",
        help="with --host, let everybody start races, each their own",
    )
    parser.add_argument(
        "--var-dir",
        type=started_in,
        metavar="DIR",
        help="let the steps write below it, instead of to their var/",
    )


def run(parser):
    """Run one step for following along: its site with code reload, its workers, the stand-ins."""
    words = f"one of {numbers()}, or a folder that holds a step, such as playground"
    parser.add_argument("step", type=step_or_project, help=words)
    add_base_port(parser, "the step listens above")
    parser.add_argument(
        "--production",
        action="store_true",
        help="on Waitress and with DEBUG off, as on a public site; without code reload",
    )
    add_host(parser)


def step_or_project(text):
    """Return a Step, or the Project in another folder that holds one, such as playground."""
    try:
        return find_project(text) if is_project(text) else find_step(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
