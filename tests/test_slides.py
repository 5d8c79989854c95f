"""The slides are one file that needs nothing else; tests/test_docs.py checks their figures."""

import re

import pytest

from tools.publish import plots
from tools.publish.docs import read
from tools.publish.slides import PLOT, main
from tools.sites.catalogue import ROOT

INLINE = "data:image/png;base64,"


@pytest.fixture(scope="module")
def slides(tmp_path_factory):
    """The text of the file that the command writes."""
    path = tmp_path_factory.mktemp("slides") / "slides.html"
    assert main([f"--output={path}"]) == 0
    return path.read_text(encoding="utf-8")


def test_slides_refer_to_nothing_outside_of_their_file(slides):
    references = re.findall(r"""(?:src|href)=["']?([^"'>]*)""", slides)
    assert [url for url in references if not url.startswith(INLINE)] == []
    assert re.findall(r"https?:|url\(|@import|<link", slides) == []


def test_slides_show_every_plot_and_every_table_of_their_source(slides):
    source = read("docs/SLIDES.md")
    named = [
        next(png for found, _, png in plots(ROOT / path) if found == cell_id)
        for path, cell_id in PLOT.findall(source)
    ]
    assert re.findall(f'src="{INLINE}([^"]*)"', slides) == named != []
    assert slides.count("<table>") == source.count("\n| ---") > 0


def test_slides_write_no_measured_figure_themselves():
    shown = r"```.*?```|^\|.*?$|<!--.*?-->"  # code, tables, and what says which
    prose = re.sub(shown, "", read("docs/SLIDES.md"), flags=re.DOTALL | re.MULTILINE)
    assert re.findall(r"\d+(?:\.\d+)? ?(?:s|ms|MB|%|seconds)\b", prose) == []
