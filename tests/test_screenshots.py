"""The pictures are there, are listed, and show what the code is now."""

import json
import re

import pytest
from PIL import Image

from tools.publish.docs import readmes
from tools.publish.screenshot_stage import FOLDER, digest, shown
from tools.publish.screenshots import SOURCES
from tools.sites.catalogue import ROOT

NAMED = re.compile(r"[\w./]*screenshots/([\w.]+\.(?:png|webp))")


@pytest.mark.parametrize("name", shown())
def test_picture_is_not_older_than_what_it_shows(name):
    taken = json.loads(SOURCES.read_text(encoding="utf-8"))
    assert taken.get(name) == digest(shown()[name]), "run: python workshop.py screenshots"


def test_folder_holds_the_pictures_that_are_taken_and_no_others():
    assert {path.name for path in FOLDER.iterdir()} == {*shown(), SOURCES.name}
    assert set(json.loads(SOURCES.read_text(encoding="utf-8"))) == set(shown())


def test_moving_picture_is_light_and_moves():
    path = FOLDER / "race.webp"
    assert path.stat().st_size <= 1_500_000
    with Image.open(path) as film:
        assert film.n_frames > 10


def test_every_pattern_names_a_file():
    patterns = {pattern for patterns in shown().values() for pattern in patterns}
    assert [pattern for pattern in patterns if not any(ROOT.glob(pattern))] == []


@pytest.mark.parametrize("path", readmes(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_picture_in_a_readme_is_there(path):
    named = NAMED.findall(path.read_text(encoding="utf-8"))
    assert [name for name in named if not (FOLDER / name).is_file()] == []


def test_line_ends_do_not_count(tmp_path, monkeypatch):
    monkeypatch.setattr("tools.publish.screenshot_stage.ROOT", tmp_path)
    file = tmp_path / "style.css"
    file.write_bytes(b"a {\n}\n")
    before = digest(["style.css"])
    file.write_bytes(b"a {\r\n}\r\n")
    assert digest(["style.css"]) == before
    file.write_bytes(b"b {\n}\n")
    assert digest(["style.css"]) != before
