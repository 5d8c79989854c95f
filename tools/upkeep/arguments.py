"""The arguments of test and copy-down. Standard library only."""

from ..arguments import numbers, positive, step


def test(parser):
    """Run every test of the repository, or one step's, and count them."""
    parser.add_argument("step", type=step, nargs="?", help=f"one of {numbers()}; or everything")
    parser.add_argument(
        "--examples",
        type=positive,
        default=1,
        metavar="N",
        help="let Hypothesis try N times as many requests (1); each run tries the same ones",
    )


def copy_down(parser):
    """Carry an edit of a file that steps share from the step where it begins to the later ones.

    What was edited is what differs from the last commit. Nothing is written if a copy that an edit
    would replace was itself edited, differently.
    """
