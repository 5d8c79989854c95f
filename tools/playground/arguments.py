"""The arguments of start, check, hint and reset. Standard library only."""

from ..arguments import add_url
from .project import stages


def start(parser):
    """Copy the step before stage N into a folder, and say what its tasks are."""
    parser.add_argument("stage", type=int, choices=stages(), help="the step to be reached")
    parser.add_argument("folder", nargs="?", help="where to (playground)")
    parser.add_argument("--keep", action="store_true", help="back up the existing folder first")


def check(parser):
    """Check what a project does against the tasks of its stage."""
    add_project(parser)
    parser.add_argument("--task", metavar="NAME", help="check only this task")
    parser.add_argument("--watch", action="store_true", help="check again after each save")
    parser.add_argument("--traceback", action="store_true", help="show the errors' tracebacks")


def hint(parser):
    """Give the next hint for the first task that isn't done."""
    add_project(parser)
    parser.add_argument("--task", metavar="NAME", help="for this one")


def reset(parser):
    """Start the stage of a project again, and put the stand-ins' switches back."""
    add_project(parser)
    add_url(parser)


def add_project(parser):
    parser.add_argument("folder", nargs="?", help="any that holds a step (playground)")
    parser.add_argument(
        "--stage", type=int, choices=stages(), help="needed if the folder has no note of it"
    )
