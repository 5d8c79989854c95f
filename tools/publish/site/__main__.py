"""Write the READMEs, the notebooks and a replay of the recorded races as a static site."""

import sys
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory

from PIL import Image
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.util.docutils import docutils_namespace

from ...arguments import parse
from ...sites.catalogue import ROOT
from . import REPLAY
from .replay import write_replay


def build(folder):
    """Write the site; raise SphinxError when anything in its pages is amiss."""
    with TemporaryDirectory() as doctrees, docutils_namespace():
        sphinx = Sphinx(
            ROOT, Path(__file__).parent, folder, doctrees, "html", status=None, warningiserror=True
        )
        sphinx.build(force_all=True)
    if sphinx.statuscode:
        raise SphinxError("see the warnings above")
    copyfile(folder / "README.html", folder / "index.html")
    write_replay((folder / REPLAY).parent)
    # With 256 colours, a picture takes a third of the bytes and looks the same.
    for path in (folder / "_images").glob("*.png"):
        with Image.open(path) as picture:
            smaller = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
        smaller.save(path, optimize=True)


def main(arguments=None):
    """Run the command; return its exit status."""
    folder = parse("site", arguments).output
    try:
        build(folder)
    except SphinxError as error:
        print(f"The site was not built: {error}", file=sys.stderr)
        return 1
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{folder / 'index.html'}: {size / 1e6:.1f} MB in all. Open it in a browser.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
