"""The race's page, fed with recorded races."""

import json
from shutil import copy

from ...race.lane import LIMIT
from ...race.pages import STATIC, TEMPLATES
from ...race.recorded import replay
from ...sites.catalogue import ROOT, STEPS
from ...sites.templates import render

FILES = [
    TEMPLATES / "race.css",
    TEMPLATES / "race.js",
    TEMPLATES / "replay.js",
    STATIC / "style.css",
    STATIC / "timeline.css",
]


def write_replay(folder):
    """Write the page and what it needs into a folder beside the site's first page."""
    record = ROOT / "notebooks/data/races.json"
    recorded = json.loads(record.read_text(encoding="utf-8"))
    context = recorded | {
        "steps": [{"step": step, "url": f"{step.name}/README.html"} for step in STEPS],
        "cores": recorded["machine"]["cores"],
        "resize_seconds": recorded["settings"]["simulated_resize_seconds"],
        "limit": LIMIT,
    }
    folder.mkdir(exist_ok=True)
    (folder / "index.html").write_bytes(render(TEMPLATES / "replay.html", context))
    # A script, because browsers fetch nothing from file://.
    races = json.dumps(replay(recorded["races"]), separators=(",", ":"))
    (folder / "races.js").write_text(f"const RACES = {races};\n", encoding="utf-8")
    for path in FILES:
        copy(path, folder)
