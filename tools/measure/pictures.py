"""Pictures of several sizes, and what their thumbnails cost."""

import json
import math
import subprocess
import sys
from io import BytesIO

from PIL import Image

from ..sites.catalogue import ROOT
from ..sites.processes import StartError, python_path
from ..sites.visitor import make_picture


def picture(kind, megapixels, **options):
    """Return a picture of so many megapixels, 4 to 3, as a file's bytes; `options` are Pillow's."""
    width = round(math.sqrt(megapixels * 1e6 * 4 / 3))
    jpeg = make_picture((width, width * 3 // 4))
    if kind.lower() == "jpeg":
        return jpeg
    content = BytesIO()
    with Image.open(BytesIO(jpeg)) as image:
        image.save(content, kind, **options)
    return content.getvalue()


def thumbnail_cost(way, path, step, environment, times=1):
    """Return the seconds, and the bytes of memory, that a thumbnail takes in a new process."""
    result = subprocess.run(
        [sys.executable, "-m", "tools.measure.picture_cost", way, path, str(times)],
        cwd=step.folder,
        env=environment | {"PYTHONPATH": python_path(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
    )
    if result.returncode:
        raise StartError(f"Pictures, {way}: {result.stderr.strip().splitlines()[-1]}")
    return json.loads(result.stdout)
