"""What a thumbnail costs, beside libvips and beside Pillow's bare decoding."""

from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from ...sites.catalogue import STEPS
from ...sites.manage import step_environment
from ...sites.production import production_variables
from ..frame import own_standins
from ..pictures import picture, thumbnail_cost
from .measuring import DIGITS, ratio

ROUNDS = 3
WAYS = ["step", "libvips", "decode"]  # those of picture_cost.py
TIMES = 2  # the better one counts: what else the machine does can only add to it
SOON_MADE = {"JPEG": {}, "PNG": {"compress_level": 1}, "WEBP": {"method": 0}}
SIZES = {"JPEG": [1, 12, 48], "PNG": [12, 24], "WEBP": [12, 24]}  # megapixels: the form's most


def measure(bench):
    """Make thumbnails in every way in turn, each in a process of its own, for its memory."""
    most = 12 if bench.is_quick else 48
    kinds = [(kind, size) for kind, sizes in SIZES.items() for size in sizes if size <= most]
    rounds = bench.n(ROUNDS)
    with (
        own_standins() as standins,
        TemporaryDirectory(ignore_cleanup_errors=True) as folder,
    ):
        paths = {}
        for kind, size in bench.track(kinds, "pictures, making them"):
            paths[kind, size] = Path(folder, f"{size}.{kind}")
            paths[kind, size].write_bytes(picture(kind, size, **SOON_MADE[kind]))
        environment = step_environment(STEPS[0], standins, folder, **production_variables())
        found = {f"{kind}, {size} megapixels": {w: [] for w in WAYS} for kind, size in kinds}
        lanes = [(kind, size, way) for kind, size in kinds for way in WAYS]
        for _, (kind, size, way) in bench.turns(lanes, rounds, "pictures"):
            cost = thumbnail_cost(way, paths[kind, size], STEPS[0], environment, TIMES)
            cost["seconds"] = round(cost["seconds"], DIGITS)
            found[f"{kind}, {size} megapixels"][way].append(cost)
        file_bytes = {f"{k}, {s} megapixels": p.stat().st_size for (k, s), p in paths.items()}
    return {"n": rounds, "settings": {"file_bytes": file_bytes}, "costs": found}


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
