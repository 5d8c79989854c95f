"""Print what one way to a thumbnail costs, as JSON, in a step's folder; like picture_memory.

`python -m tools.measure.bench.picture_probe WAY FILE`; the ways are those of the table WAYS.
"""

import json
import sys
import time
from io import BytesIO
from pathlib import Path

import django
from django.core.files import File
from PIL import Image

from tools.measure.picture_memory import peak_memory

SIZE = 300  # pixels that a thumbnail fits in, each way


def step(content):
    """What the steps do."""
    from accounts.services import make_thumbnail  # after the set-up, like all of a step's modules

    return make_thumbnail(File(BytesIO(content)))


def libvips(content):
    """What pyvips, another library, is made for. It turns the picture upright, too."""
    import pyvips

    image = pyvips.Image.thumbnail_buffer(content, SIZE, height=SIZE)
    if image.hasalpha():
        image = image.flatten(background=[255, 255, 255])
    return image.jpegsave_buffer(Q=85, keep="none")


def decode(content):
    """The least: Pillow decodes the picture, a JPEG at a fraction of its size."""
    with Image.open(BytesIO(content)) as image:
        image.draft("RGB", (SIZE * 2, SIZE * 2))  # as thumbnail() asks for
        image.load()


WAYS = {"step": step, "libvips": libvips, "decode": decode}
REPEATS = 2  # the better one counts: what else the machine does can only add to it


def main(arguments):
    django.setup()
    way, content = WAYS[arguments[0]], Path(arguments[1]).read_bytes()
    with Image.open(BytesIO(content)) as image:
        tiny = BytesIO()
        Image.new(image.mode, (8, 8)).save(tiny, image.format)
    way(tiny.getvalue())  # loads the code for the format, which is not to be counted
    before, seconds = peak_memory(), []
    for _ in range(REPEATS):
        start = time.perf_counter()
        way(content)
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"seconds": min(seconds), "bytes": peak_memory() - before}))


if __name__ == "__main__":
    main(sys.argv[1:])
