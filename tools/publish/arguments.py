"""The arguments of notebooks, docs, screenshots and slides. Standard library only."""

from ..arguments import add_output
from ..sites.catalogue import ROOT


def notebooks(parser):
    """Open the notebooks in JupyterLab; with --update, execute them and write their outputs."""
    parser.add_argument(
        "--update",
        nargs="*",
        choices=[path.name[:2] for path in sorted((ROOT / "notebooks").glob("*.ipynb"))],
        help="execute all notebooks, or only those of these numbers, and write their outputs",
    )


def docs(parser):
    """Compare what the READMEs show of the code and of the recorded runs with what these are now.

    Without --update, exit with 1 when a README is out of date.
    """
    parser.add_argument("--update", action="store_true", help="write the READMEs that differ")


def screenshots(parser):
    """Make every picture in screenshots/ anew, from running sites."""


def slides(parser):
    """Write docs/SLIDES.md as one HTML file that needs no network, its pictures included."""
    add_output(parser, ROOT / "slides.html")
