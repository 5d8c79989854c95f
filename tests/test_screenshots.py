"""The pictures are there, are listed, and show what the code is now."""

import json

import pytest
from PIL import Image

from tools.publish.screenshot_stage import FOLDER, digest, shown
from tools.publish.screenshots import SOURCES
from tools.sites.catalogue import ROOT


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
