"""The slides are one file that needs nothing else, and show the figures of the recorded runs."""

import json
import re
from html.parser import HTMLParser
from statistics import median

import pytest

from tools.publish import slides
from tools.publish.docs import TABLE, read, regenerated
from tools.publish.slides import PLOT, main, page
from tools.sites.catalogue import STEPS


class Reader(HTMLParser):
    """Collects what a page refers to, and the text in its cells and elsewhere."""

    def __init__(self):
        super().__init__()
        self.references, self.cells, self.prose, self.within = [], [], [], []
        self.feed(page().decode())

    def handle_starttag(self, tag, attributes):
        self.references += [value for name, value in attributes if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.within.append(tag)

    def handle_endtag(self, tag):
        if tag in self.within:
            self.within.remove(tag)

    def handle_data(self, text):
        if "td" in self.within or "th" in self.within:
            self.cells.append(text)
        elif not {"style", "script", "pre", "footer"} & set(self.within):
            self.prose.append(text)


@pytest.fixture(scope="module")
def reader():
    return Reader()


def test_slides_refer_to_nothing_outside_of_their_file(reader):
    assert [url for url in reader.references if not url.startswith("data:image/png;base64,")] == []
    assert re.findall(rb"https?:|url\(|@import|<link", page()) == []


def test_slides_show_the_recorded_times_and_losses(reader):
    steps = json.loads(read("notebooks/data/demo.json"))["steps"]
    for step in STEPS:
        assert f"{median(steps[step.name]['page_seconds']):.2f} s" in reader.cells
        assert f"{median(steps[step.name]['done_seconds']):.2f} s" in reader.cells
    losses = json.loads(read("notebooks/data/losses.json"))
    assert f"of {losses['signups']} sign-ups, lost" in reader.cells


def test_slides_show_the_plots_that_the_notebooks_show_today(reader):
    outputs = [
        output["data"]["image/png"].strip()
        for path, *_ in PLOT.findall(read("docs/SLIDES.md"))
        for cell in json.loads(read(path))["cells"]
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    shown = [url.partition(",")[2] for url in reader.references]
    assert len(shown) == read("docs/SLIDES.md").count("<!-- plot ") > 0
    assert [picture for picture in shown if picture not in outputs] == []


def test_slides_write_no_measured_figure_themselves(reader):
    assert re.findall(r"\d+(?:\.\d+)? ?(?:s|ms|MB|%|seconds)\b", " ".join(reader.prose)) == []


def test_figures_come_from_the_data_even_when_the_source_is_old(monkeypatch):
    old = TABLE.sub(lambda match: match[0].replace(" s |", "9 s |"), read("docs/SLIDES.md"))
    assert old != regenerated(old)
    fresh = page()
    monkeypatch.setattr(
        slides, "read", lambda path: old if path == "docs/SLIDES.md" else read(path)
    )
    assert page() == fresh


def test_plot_that_no_notebook_has_is_a_clear_error():
    with pytest.raises(ValueError, match=r"01_sync_signup.ipynb has no plot 'no-such-cell'"):
        slides.plot("notebooks/01_sync_signup.ipynb", "no-such-cell")


def test_command_writes_the_file_and_names_the_keys(tmp_path, capsys):
    path = tmp_path / "slides.html"
    assert main([f"--output={path}"]) == 0
    assert path.read_bytes() == page()
    assert "speaker's notes" in capsys.readouterr().out
