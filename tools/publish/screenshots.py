"""Take every picture in screenshots/ again, from running sites."""

import json
import sys
from base64 import b64decode
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import expect
from rich.console import Console
from rich.progress import track

from ..arguments import parse
from ..sites.catalogue import ROOT, STEPS
from ..sites.processes import StartError, stop_in_order
from ..sites.site import running_sites
from ..standins.standins import Standins
from . import plots, screenshot_of_overview, screenshots_of_pages  # noqa: F401 - register pictures
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
    _, _, png = next(plots(ROOT / "notebooks" / "06_comparison.ipynb"))
    stage.keep(b64decode(png), "comparison.png")


RACE = ["tools/race/*.py", "tools/race/templates/*", STYLE, TIMELINE, "notebooks/data/races.json"]
SPEED = 2  # of the moving picture
FRAME = 0.25  # seconds of the race that each of its frames stands for


@takes({"race.webp": RACE, "race_killed.png": RACE})
def race(stage):
    """Film the recorded race in which each step is killed, from its replay, and keep its end."""
    page = stage.open({"width": 1280, "height": 1000})  # all lanes, without scrolling
    page.emulate_media(reduced_motion="reduce")  # opens at the end, and no bar glides
    with TemporaryDirectory() as folder:
        write_replay(Path(folder))
        page.goto((Path(folder) / "index.html").as_uri())
        page.get_by_label("Race").select_option("1")
        page.add_style_tag(content="#race ~ * { visibility: hidden }")
        top, lanes = (page.locator(name).bounding_box() for name in ["#status", "#race"])
        clip = lanes | {"y": top["y"], "height": lanes["y"] + lanes["height"] - top["y"]}
        count = round(page.evaluate("end()") / FRAME) + 1
        frames = []
        for number in range(count + 1):
            page.evaluate("at => { position = Math.min(at, end()); show(); }", number * FRAME)
            frames.append(page.screenshot(clip=clip))
    page.close()
    stage.keep_film(frames, [round(1000 * FRAME / SPEED)] * count + [4000], "race.webp")
    stage.keep(frames[-1], "race_killed.png")


def take_all(console):
    """Start everything, take all pictures, and note what they show."""
    FOLDER.mkdir(exist_ok=True)
    # First, so that a file changed meanwhile makes its pictures old.
    hashes = {name: digest(patterns) for name, patterns in shown().items()}
    with ExitStack() as stack:
        browser = stack.enter_context(open_browser())
        standins = stack.enter_context(Standins(http_port=0, smtp_port=0))
        folder = Path(stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True)))
        var_dirs = {step: folder / "var" / step.name for step in STEPS}
        options = {"logs": folder, "SIMULATED_RESIZE_SECONDS": RESIZE_SECONDS}
        options["OUTBOX_LEASE_SECONDS"] = 2 * RESIZE_SECONDS  # as in the demo
        console.print("Starting the sites ...")
        sites = stack.enter_context(running_sites(standins, var_dirs, **options))
        stage = Stage(browser, standins, sites)
        for take in track(takers, "Taking the pictures", console=console):
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
