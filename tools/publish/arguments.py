"""The arguments of notebooks, docs, screenshots and slides. Standard library only."""

from ..arguments import add_output
from ..sites.catalogue import ROOT, started_in


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
    """Take every picture in screenshots/ again, from running sites."""


def slides(parser):
    """Write docs/SLIDES.md as one HTML file that needs no network, its pictures included."""
    add_output(parser, ROOT / "slides.html")


def site(parser):
    """Write the READMEs, the notebooks and a replay of the recorded races as a static site.

    The folder can be opened from a disk or served by any host; nothing in it comes from outside.
    """
    parser.add_argument(
        "--output",
        type=started_in,
        default=ROOT / "site",
        metavar="FOLDER",
        help="where to write it (site)",
    )
