"""What a thumbnail costs, beside libvips and beside Pillow's bare decoding."""

import json
import math
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from PIL import Image

from ...sites.catalogue import STEPS
from ...sites.manage import step_environment
from ...sites.processes import StartError
from ...sites.production import production_variables
from ...sites.visitor import make_picture
from ...standins.standins import Standins
from .measuring import ratio

ROUNDS = 3
WAYS = ["step", "libvips", "decode"]  # those of picture_probe.py
SIZES = {"JPEG": [1, 12, 48], "PNG": [12, 24], "WEBP": [12, 24]}  # megapixels: the form's most


def measure(bench):
    """Make thumbnails in every way in turn, each in a process of its own, for its memory."""
    most = 12 if bench.is_quick else 48
    kinds = [(kind, size) for kind, sizes in SIZES.items() for size in sizes if size <= most]
    rounds = bench.n(ROUNDS)
    with (
        Standins(http_port=0, smtp_port=0) as standins,
        TemporaryDirectory(ignore_cleanup_errors=True) as folder,
    ):
        paths = {}
        for kind, size in bench.track(kinds, "pictures, making them"):
            paths[kind, size] = Path(folder, f"{size}.{kind}")
            paths[kind, size].write_bytes(picture(kind, size))
        environment = step_environment(STEPS[0], standins, folder, **production_variables())
        found = {f"{kind}, {size} megapixels": {w: [] for w in WAYS} for kind, size in kinds}
        lanes = [(kind, size, way) for kind, size in kinds for way in WAYS]
        for _, (kind, size, way) in bench.turns(lanes, rounds, "pictures"):
            cost = cost_of(way, paths[kind, size], environment)
            found[f"{kind}, {size} megapixels"][way].append(cost)
        file_bytes = {f"{k}, {s} megapixels": p.stat().st_size for (k, s), p in paths.items()}
    return {"n": rounds, "settings": {"file_bytes": file_bytes}, "costs": found}


def picture(kind, megapixels):
    """Return a picture of so many megapixels, 4 to 3, as a file's bytes."""
    width = round(math.sqrt(megapixels * 1e6 * 4 / 3))
    jpeg = make_picture((width, width * 3 // 4))
    if kind == "JPEG":
        return jpeg
    content = BytesIO()
    with Image.open(BytesIO(jpeg)) as image:
        options = {"method": 0} if kind == "WEBP" else {"compress_level": 1}  # soon made
        image.save(content, kind, **options)
    return content.getvalue()


def cost_of(way, path, environment):
    """Return the seconds, and the bytes of memory, that a thumbnail takes in a new process."""
    result = subprocess.run(
        [sys.executable, "-m", "tools.measure.bench.picture_probe", way, path],
        cwd=STEPS[0].folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
    )
    if result.returncode:
        raise StartError(f"pictures, {way}: {result.stderr.strip().splitlines()[-1]}")
    cost = json.loads(result.stdout)
    return {"seconds": round(cost["seconds"], 6), "bytes": cost["bytes"]}


def rows(part):
    """Return what to print: the step's time and memory, and its ratios to the other ways."""
    for name, ways in part["costs"].items():
        seconds = {way: [cost["seconds"] for cost in costs] for way, costs in ways.items()}
        megabytes = {w: median(c["bytes"] for c in costs) / 1e6 for w, costs in ways.items()}
        yield (
            name,
            f"{ratio(seconds['step'], seconds['libvips']):.2f}",
            f"{ratio(seconds['step'], seconds['decode']):.2f}",
            f"{median(seconds['step']) * 1000:.0f} ms",
            *(f"{megabytes[way]:.0f} MB" for way in WAYS),
        )


COLUMNS = ["picture", "step ÷ libvips", "÷ decode", "step", *(f"{way} takes" for way in WAYS)]
