"""What the pictures in screenshots/ are taken with, and what each of them shows."""

import hashlib
from dataclasses import dataclass
from io import BytesIO

from PIL import Image

from ..sites.catalogue import ROOT
from ..standins.standins import Standins

FOLDER = ROOT / "screenshots"
LAPTOP = {"width": 1280, "height": 800}  # pixels
PHONE = {"width": 390, "height": 844}
RESIZE_SECONDS = 5  # simulated: long enough to take pictures meanwhile
MARGIN = 16  # pixels below what is cropped
# The style sheets of all pages, and of the pieces of work.
STYLE = "kit/timing/static/timing/style.css"
TIMELINE = "kit/timing/static/timing/timeline.css"
takers = {}  # function: {picture's name: the files that it shows, as patterns from the root}


def takes(pictures):
    """Register a function that takes pictures, with what each of them shows."""

    def register(function):
        takers[function] = pictures
        return function

    return register


def shown():
    """Return for each picture the patterns of the files that it shows."""
    return {name: patterns for table in takers.values() for name, patterns in table.items()}


def digest(patterns):
    """Return a hash of what the files hold."""
    content = hashlib.sha256()
    for pattern in patterns:
        for path in sorted(ROOT.glob(pattern)):
            content.update(path.read_bytes())
    return content.hexdigest()


@dataclass
class Stage:
    """Everything that runs while the pictures are taken."""

    browser: object
    standins: Standins
    sites: dict  # step: its Site

    def open(self, viewport=LAPTOP):
        return self.browser.new_page(viewport=viewport, color_scheme="light")

    def sign_up_page(self, step, viewport=LAPTOP):
        page = self.open(viewport=viewport)
        page.goto(f"{self.sites[step].url}/signup/")
        return page

    def save(self, page, name, last="body"):
        """Take a picture of the page, from its top to the end of the element `last`."""
        body, end = page.locator("body").bounding_box(), page.locator(last).bounding_box()
        height = end["y"] + end["height"] + (0 if last == "body" else MARGIN)
        self.keep(page.screenshot(full_page=True, clip=body | {"height": height}), name)

    def keep(self, picture, name):
        with Image.open(BytesIO(picture)) as image:  # Pillow packs it tighter than the browser
            image.convert("RGB").save(FOLDER / name, optimize=True)

    def keep_film(self, frames, milliseconds, name):
        """Keep a moving picture, of which each frame is shown for such a time."""
        first, *others = (Image.open(BytesIO(frame)) for frame in frames)
        options = {"quality": 60, "method": 4, "minimize_size": True, "loop": 0}
        first.save(
            FOLDER / name, save_all=True, append_images=others, duration=milliseconds, **options
        )
