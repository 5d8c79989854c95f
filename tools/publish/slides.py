"""Write docs/SLIDES.md as one HTML file that needs no network, its pictures included.

A line of three dashes ends a slide. What is quoted (>) is for the speaker. Beside what
`workshop.py docs` knows, a comment shows a notebook's plot by its cell's id:

    <!-- plot notebooks/01_sync_signup.ipynb wait -->
"""

import re
import sys
from base64 import b64encode

from markdown_it import MarkdownIt

from ..arguments import parse
from ..sites.catalogue import ROOT
from ..sites.templates import render
from . import TEMPLATES, plots
from .docs import read, regenerated

PLOT = re.compile(r"<!-- plot (\S+) (\S+) -->")
PICTURE = re.compile(r"!\[(.*?)\]\((.+?)\)")
LINK = re.compile(r"(?<!!)\[(.*?)\]\(.*?\)")  # leads nowhere from a file that is on its own
COMMENT = re.compile(r"<!-- .*? -->\n")


def page():
    """Return the slides as one HTML page, as bytes. Raises what docs does, and ValueError."""
    text = regenerated(read("docs/SLIDES.md"))
    text = PICTURE.sub(lambda match: f"![{match[1]}]({inlined(match[2])})", text)
    text = PLOT.sub(lambda match: plot(*match.groups()), text)
    text = COMMENT.sub("", LINK.sub(r"\1", text))
    markdown = MarkdownIt().enable("table")
    slides = [markdown.render(slide) for slide in re.split(r"^---$", text, flags=re.MULTILINE)]
    return render(TEMPLATES / "slides.html", {"slides": slides})


def plot(path, cell_id):
    """Return the plot of a notebook's cell as Markdown, with its title as the alternative text."""
    for found, title, png in plots(ROOT / path):
        if found == cell_id:
            return f"![{title}](data:image/png;base64,{png})"
    raise ValueError(f"{path} has no plot {cell_id!r}")


def inlined(path):
    """Return a PNG of the repository as a data URL."""
    return "data:image/png;base64," + b64encode((ROOT / path).read_bytes()).decode()


def main(arguments=None):
    """Run the command; return its exit status."""
    output = parse("slides", arguments).output
    output.write_bytes(page())
    print(f"{output}: {output.stat().st_size / 1e6:.1f} MB. Open it in a browser.")
    print("Keys: right, left, Home, End; f full screen; n speaker's notes; print it for a handout.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
