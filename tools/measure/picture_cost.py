"""Print what one way to a thumbnail costs, as JSON, in a step's folder.

`python -m tools.measure.picture_cost WAY FILE TIMES`; the ways are those of the table WAYS.
"seconds" are of the quickest time; "bytes": how much this process grows at its largest.
"""

import json
import sys
import time
from pathlib import Path

import django
import psutil
from django.core.files import File
from each_step.picture_cost import peak_memory, tiny_pictures
from PIL import Image

SIZE = 300  # pixels that a thumbnail fits in, each way


def step(file):
    """What the steps do."""
    from accounts.services import make_thumbnail  # after the set-up, like all of a step's modules

    make_thumbnail(File(file))


def libvips(file):
    """What pyvips, another library, is made for. It turns the picture upright, too."""
    import pyvips

    image = pyvips.Image.thumbnail_buffer(file.read(), SIZE, height=SIZE)
    if image.hasalpha():
        image = image.flatten(background=[255, 255, 255])
    image.jpegsave_buffer(Q=85, keep="none")


def decode(file):
    """The least: Pillow decodes the picture, a JPEG at a fraction of its size."""
    with Image.open(file) as image:
        image.draft("RGB", (SIZE * 2, SIZE * 2))  # as thumbnail() asks for
        image.load()


WAYS = {"step": step, "libvips": libvips, "decode": decode}


def main(way, path, times):
    django.setup()
    for tiny in tiny_pictures():  # loads the code for it, which is not to be counted
        WAYS[way](tiny)
    before = psutil.Process().memory_info().rss
    seconds = min(seconds_of(WAYS[way], path) for _ in range(int(times)))
    print(json.dumps({"seconds": seconds, "bytes": peak_memory() - before}))


def seconds_of(work, path):
    with Path(path).open("rb") as file:
        start = time.perf_counter()
        work(file)
        return time.perf_counter() - start


if __name__ == "__main__":
    main(*sys.argv[1:])
