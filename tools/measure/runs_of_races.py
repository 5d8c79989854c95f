"""The recorded races, which the site replays."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from ..demo.demo import demo_sites
from ..race.races import Races
from ..race.recorded import recorded
from ..sites.addresses import POLL
from ..sites.catalogue import STEPS
from ..sites.machine import machine_and_versions
from ..sites.visitor import SignUpRefused

SHORTEST_RESIZE = 2  # seconds, so that a kill can hit it


def races(recording, options):
    """The demo's race, and the same with a kill in each step while it resizes the picture."""
    resize_seconds = max(options.resize_seconds, SHORTEST_RESIZE)
    with (
        TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        ThreadPoolExecutor(12) as threads,
    ):
        var_dirs = {step: Path(folder, step.name) for step in STEPS}
        with demo_sites(recording.standins, var_dirs, resize_seconds, logs=Path(folder)) as sites:
            demo_races = Races(sites, recording.standins, threads, Event())
            kept = [
                {"title": "Nothing is killed"} | run(demo_races),
                {"title": "A kill in each step"} | run(demo_races, resize_seconds / 4),
            ]
    settings = recording.settings(simulated_resize_seconds=resize_seconds)
    record = {"date": date.today().isoformat()} | machine_and_versions()
    record |= {"settings": settings, "races": kept}
    recording.files["races.json"] = json.dumps(record) + "\n"


def run(demo_races, kill_after=None):
    """Run a race and return what is kept of it.

    `kill_after`: seconds into the resize of the picture at which what does it is killed.
    """
    demo_races.start()
    race, to_kill = demo_races.race, set() if kill_after is None else {s.number for s in STEPS}
    while not race.is_over:
        for lane in race.json["lanes"]:
            bars = [bar for bar in lane["bars"] if bar["event"] == "resize picture"]
            if lane["step"] in to_kill and bars and bars[0]["seconds"] > kill_after:
                demo_races.kill(lane["step"])
                to_kill.remove(lane["step"])
        time.sleep(POLL)
    problems = [lane.problem for lane in race.lanes if lane.problem and not lane.kills]
    if to_kill or problems:
        raise SignUpRefused(f"The race: {'; '.join(problems) or 'not every step was killed'}.")
    return recorded(race)
