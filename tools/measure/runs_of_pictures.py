"""The recorded runs with pictures of several sizes: what their thumbnails cost."""

import json
import math
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from PIL import Image

from ..sites.catalogue import ROOT
from ..sites.manage import step_environment
from ..sites.processes import StartError, python_path
from ..sites.visitor import make_picture
from .runs import SEED, STEP4, beside_thirty

PICTURES = [("jpeg", megapixels) for megapixels in [1, 3, 6, 12, 24, 48]]
PICTURES += [("png", megapixels) for megapixels in [1, 3, 6, 12, 24]]  # the form takes no more


def pictures(recording, options):
    """Pictures of several sizes, and the memory that their thumbnails take in a new process."""
    sizes = [size for size in PICTURES if size[1] <= options.megapixels]
    made = {size: picture(*size) for size in recording.track(sizes, "making the pictures")}
    file_bytes = {
        f"{kind}-{megapixels}mp": len(content) for (kind, megapixels), content in made.items()
    }

    def shuffled(each):
        order = [(*key, number) for key in made for number in range(each)]
        return Random(SEED).sample(order, len(order))

    order = shuffled(beside_thirty(10, options))
    with recording.site(STEP4, picture={"file_bytes": file_bytes}) as site:
        for done, (kind, megapixels, number) in enumerate(recording.track(order, "pictures")):
            site.sign_up(f"{kind}-{megapixels}mp-{number}", made[kind, megapixels])
            site.wait(done + 1)
    recording.keep("pictures", [STEP4], site.records, site.settings)

    rows = []
    order = shuffled(beside_thirty(3, options))
    for kind, megapixels, _ in recording.track(order, "pictures_memory"):
        cost = thumbnail_cost(recording, made[kind, megapixels])
        rows.append({"format": kind, "megapixels": megapixels} | cost)
    settings = {"picture": {"file_bytes": file_bytes}}
    recording.keep_rows("pictures_memory", rows, [STEP4], len(rows), settings)
    most = max(rows, key=lambda row: row["bytes"])
    recording.console.print(f"pictures_memory, most: {most}", soft_wrap=True)


def picture(kind, megapixels):
    """Return a picture of so many megapixels, 4 to 3, as a JPEG's or PNG's bytes."""
    width = round(math.sqrt(megapixels * 1e6 * 4 / 3))
    jpeg = make_picture((width, width * 3 // 4))
    if kind == "jpeg":
        return jpeg
    content = BytesIO()
    with Image.open(BytesIO(jpeg)) as image:
        image.save(content, kind)
    return content.getvalue()


def thumbnail_cost(recording, content):
    """Return seconds and bytes of memory that making a thumbnail takes in a process of its own."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "picture")
        path.write_bytes(content)
        result = subprocess.run(
            [sys.executable, "-m", "tools.measure.picture_memory", path],
            cwd=STEP4.folder,
            env=step_environment(STEP4, recording.standins, folder, PYTHONPATH=python_path(ROOT)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
        )
    if result.returncode:
        raise StartError(f"tools.measure.picture_memory failed: {result.stderr.strip()}")
    return json.loads(result.stdout)
