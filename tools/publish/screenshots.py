"""Take every picture in screenshots/ again, from running sites."""

import json
import re
import sys
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from playwright.sync_api import expect
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ..arguments import parse
from ..race import Races, pages
from ..sites.addresses import LOOPBACK, listen
from ..sites.catalogue import ROOT, STEPS
from ..sites.processes import StartError, stop_in_order
from ..sites.site import running_sites
from ..sites.web import serve
from ..standins.standins import Standins
from . import screenshot_of_overview, screenshots_of_pages  # noqa: F401 - register pictures
from .browser import NoBrowser, open_browser
from .screenshot_stage import (
    FOLDER,
    RESIZE_SECONDS,
    STYLE,
    TIMELINE,
    Stage,
    digest,
    shown,
    takers,
    takes,
)
from .site.replay import write_replay

SOURCES = FOLDER / "sources.json"  # for each picture the hash of what it showed when it was taken

expect.set_options(timeout=60_000)  # milliseconds; a resize takes long


@takes(
    {
        "inbox.png": [
            "tools/standins/templates/inbox.html",
            "tools/standins/*.py",
            "step*/accounts/templates/accounts/email/welcome.txt",
        ]
    }
)
def inbox(stage):
    page = stage.open()
    page.goto(stage.standins.http_url)
    stage.save(page, "inbox.png", "article:nth-of-type(2)")


@takes({"comparison.png": ["notebooks/06_comparison.ipynb"]})
def comparison(stage):
    """Keep the first plot of the notebook that compares the steps."""
    notebook = json.loads((ROOT / "notebooks" / "06_comparison.ipynb").read_text(encoding="utf-8"))
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    plot = next(o["data"]["image/png"] for o in outputs if "image/png" in o.get("data", {}))
    stage.keep(b64decode(plot), "comparison.png")


RACE = [
    "tools/race/*.py",
    "tools/sites/visitor.py",
    "tools/race/templates/race.*",
]


ROOM = {"width": 1280, "height": 1000}  # pixels: all lanes, without scrolling
SPEED = 2  # of the moving picture
FRAME = 0.25  # seconds of the race that each of its frames stands for


@takes({f"race_{name}.png": [*RACE, TIMELINE] for name in ["running", "over", "killed"]})
def race(stage):
    """Race twice, the second time with a kill in each step while pictures are being resized."""
    stopping = Event()
    races = Races(stage.sites, stage.standins, stage.threads, stopping)
    listener = listen(LOOPBACK, 0)
    port = listener.getsockname()[1]
    with listener, serve(listener, pages, races, LOOPBACK):
        page = stage.open(ROOM)
        page.goto(f"http://{LOOPBACK}:{port}/")
        start_race(page)
        stage.save(page, "race_running.png", "#race")
        expect(page.locator("#status")).to_contain_text("Race 1 is over")
        stage.save(page, "race_over.png", "#race")
        start_race(page)
        for button in page.get_by_role("button", name=re.compile("^Kill step")).all():
            button.click()
        expect(page.locator("#status")).to_contain_text("Race 2 is over")
        stage.save(page, "race_killed.png", "#race")
        page.close()


def start_race(page):
    """Press the button, and wait until bars have grown."""
    page.get_by_role("button", name="Sign up in all").click()
    expect(page.locator("[data-step='4'] .page-back").first).to_be_visible()
    page.wait_for_timeout(3000)


@takes(
    {"race.webp": [*RACE, STYLE, TIMELINE, "tools/race/templates/*", "notebooks/data/races.json"]}
)
def film(stage):
    """Film the recorded race in which each step is killed, from its replay."""
    page = stage.open(ROOM)
    page.emulate_media(reduced_motion="reduce")  # opens at the end, and no bar glides
    with TemporaryDirectory() as folder:
        write_replay(Path(folder))
        page.goto((Path(folder) / "index.html").as_uri())
        page.get_by_label("Race").select_option("1")
        page.add_style_tag(content="#race ~ * { visibility: hidden }")
        top, race = (page.locator(name).bounding_box() for name in ["#status", "#race"])
        clip = race | {"y": top["y"], "height": race["y"] + race["height"] - top["y"]}
        count = round(page.evaluate("end()") / FRAME) + 1
        frames = []
        for number in range(count + 1):
            page.evaluate("at => { position = Math.min(at, end()); show(); }", number * FRAME)
            frames.append(page.screenshot(clip=clip))
    page.close()
    stage.keep_film(frames, [round(1000 * FRAME / SPEED)] * count + [4000], "race.webp")


def take_all(console):
    """Start everything, take all pictures, and note what they show."""
    FOLDER.mkdir(exist_ok=True)
    # First, so that a file changed meanwhile makes its pictures old.
    hashes = {name: digest(patterns) for name, patterns in shown().items()}
    with ExitStack() as stack:
        browser = stack.enter_context(open_browser())
        threads = stack.enter_context(ThreadPoolExecutor(8))
        standins = stack.enter_context(Standins(http_port=0, smtp_port=0))
        folder = Path(stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True)))
        columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
        var_dirs = {step: folder / "var" / step.name for step in STEPS}
        options = {"logs": folder, "SIMULATED_RESIZE_SECONDS": RESIZE_SECONDS}
        options["OUTBOX_LEASE_SECONDS"] = 2 * RESIZE_SECONDS  # as in the demo
        progress = stack.enter_context(Progress(*columns, TimeElapsedColumn(), console=console))
        task = progress.add_task("Starting the sites", total=len(shown()))
        sites = stack.enter_context(running_sites(standins, var_dirs, **options))
        stage = Stage(browser, standins, sites, threads, progress, task)
        for take in takers:
            progress.update(task, description=take.__name__.replace("_", " "))
            take(stage)
    SOURCES.write_text(json.dumps(hashes, indent=2) + "\n", encoding="utf-8", newline="\n")


def main(arguments=None):
    """Run the command; return its exit status."""
    parse("screenshots", arguments)
    stop_in_order()
    console = Console(highlight=False)
    try:
        take_all(console)
    except (NoBrowser, StartError) as error:
        console.print(f"[red]{error}[/red]")
        return 1
    console.print(f"{len(shown())} pictures are in {FOLDER}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
