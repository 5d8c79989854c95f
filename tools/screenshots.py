"""Make every picture in screenshots/ anew, from running sites."""

import argparse
import hashlib
import json
import re
import signal
import subprocess
import sys
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from PIL import Image
from playwright.sync_api import expect
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from .browser import NoBrowser, open_browser
from .race import RaceHandler, Races
from .standins import Standins
from .steps import (
    ROOT,
    STEPS,
    StartError,
    consumer,
    free_port,
    manage,
    migrate,
    server,
    step_environment,
)
from .visitor import PASSWORD, Visitor, make_picture
from .web import LOOPBACK, listen, render, serve

FOLDER = ROOT / "screenshots"
SOURCES = FOLDER / "sources.json"  # for each picture the hash of what it showed when it was taken
STYLE = "step1_sync_signup/accounts/static/accounts/style.css"
LAPTOP = {"width": 1280, "height": 800}  # pixels
PHONE = {"width": 390, "height": 844}
NAME = "ada"
MARGIN = 16  # pixels below what is cropped

expect.set_options(timeout=60_000)  # milliseconds; a resize takes long
takers = {}  # function: {picture's name: the files that it shows, as patterns from the root}


def takes(pictures):
    """Register a function that takes pictures, with what each of them shows."""

    def register(function):
        takers[function] = pictures
        return function

    return register


@dataclass
class Stage:
    """Everything that runs while the pictures are taken."""

    browser: object
    standins: Standins
    sites: dict  # step: (its address, the folder of its var files)
    logs: Path
    threads: ThreadPoolExecutor
    progress: Progress
    task: int  # the progress bar

    def open(self, viewport=LAPTOP):
        return self.browser.new_page(viewport=viewport, color_scheme="light")

    def sign_up_page(self, step, viewport=LAPTOP):
        page = self.open(viewport=viewport)
        page.goto(f"{self.sites[step][0]}/signup/")
        return page

    def save(self, page, name, last="body"):
        """Take a picture of the page, from its top to the end of the element `last`."""
        body, end = page.locator("body").bounding_box(), page.locator(last).bounding_box()
        height = end["y"] + end["height"] + (0 if last == "body" else MARGIN)
        self.keep(page.screenshot(full_page=True, clip=body | {"height": height}), name)

    def keep(self, picture, name):
        with Image.open(BytesIO(picture)) as image:  # Pillow packs it tighter than the browser
            image.convert("RGB").save(FOLDER / name, optimize=True)
        self.progress.advance(self.task)


def accounts(step, *names):
    """Return patterns for files of the step's app and for what all its pages show."""
    common = ["static/accounts/style.css", *templates("base", "_step")]
    return [f"{step.name}/accounts/{name}" for name in [*common, *names]]


def templates(*names):
    return [f"templates/accounts/{name}.html" for name in names]


def fill_in(page, username, email, password2, picture):
    page.get_by_label("Username").fill(username)
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password:").fill(PASSWORD)
    page.get_by_label("Password confirmation:").fill(password2)
    picture = {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": picture}
    page.get_by_label("Profile picture").set_input_files(picture)


def send(page):
    page.get_by_role("main").get_by_role("button", name="Sign up").click()


# By step: where the page comes back, and the lanes with their bars, each a piece of work, where it
# begins, and how long it is drawn, in per cent. What is quick is drawn longer, to be readable.
START = [("hash password", 0, 12), ("save user", 12, 9), ("create profile", 21, 10)]
ALL = [*START, ("fetch joke", 31, 10), ("send mail", 41, 10), ("resize picture", 51, 45)]
FLOWS = {
    1: (96, {"request": ALL}),
    2: (96, {"request": ALL}),
    3: (
        83,
        {
            "request": [*START, ("queue", 31, 7), ("resize picture", 38, 45)],
            "a thread": [("fetch joke", 38, 10), ("send mail", 48, 10)],
        },
    ),
    4: (
        45,
        {
            "request": [*START, ("queue", 31, 7), ("queue", 38, 7)],
            "one worker": [("fetch joke", 45, 10), ("send mail", 55, 10)],
            "another worker": [("resize picture", 45, 45)],
        },
    ),
}


@takes({"overview.png": [STYLE, "tools/templates/overview.html", "tools/screenshots.py"]})
def overview(stage):
    """Draw where each piece of work runs, from left to right as time passes."""
    rows = []
    for step in STEPS:
        page_back, lanes = FLOWS[step.number]
        lanes = [{"name": name, "bars": bars} for name, bars in lanes.items()]
        rows.append({"step": step, "page_back": page_back, "lanes": lanes})
    context = {"style": (ROOT / STYLE).read_text(encoding="utf-8"), "rows": rows}
    page = stage.open()
    page.set_content(render("overview.html", context).decode())
    stage.save(page, "overview.png")


SIGN_UP = accounts(STEPS[0], "forms.py", *templates("sign_up"))


@takes({"sign_up.png": SIGN_UP, "sign_up_errors.png": SIGN_UP})
def sign_up_form(stage):
    page = stage.sign_up_page(STEPS[0])
    stage.save(page, "sign_up.png", "main")
    page = stage.sign_up_page(STEPS[0], PHONE)
    fill_in(page, NAME, f"{NAME}@example.com", PASSWORD[::-1], b"not a picture")
    send(page)
    expect(page.locator(".errorlist").first).to_be_visible()
    stage.save(page, "sign_up_errors.png", "main")


def profile(step):
    work = ["views.py", "models.py", "services.py", "timeline.py", "timing.py"]
    work += [] if step.number == 1 else ["signals.py"]
    work += ["tasks.py"] if step.has_consumer else []
    return accounts(step, *work, *templates("profile", "_progress"))


PROFILES = {f"step{step.number}_profile.png": profile(step) for step in STEPS}


@takes(
    PROFILES | {"step4_waiting.png": [*profile(STEPS[3]), STYLE.replace("style.css", "live.js")]}
)
def profiles(stage):
    """Sign up in each step in turn, so that the jokes are the same each time."""
    picture = make_picture()
    for step in STEPS:
        page = stage.sign_up_page(step)
        fill_in(page, NAME, f"{NAME}@example.com", PASSWORD, picture)
        send(page)
        if step.has_consumer:
            expect(page.locator("[data-welcome=done]")).to_be_visible()
            page.wait_for_timeout(2000)  # for bars to grow
            expect(page.locator("[data-picture=waiting]")).to_be_visible()
            stage.save(page, "step4_waiting.png", "details")
        for state in ["[data-picture=done]", "[data-welcome=done]"]:
            expect(page.locator(state)).to_be_visible()
        page.wait_for_load_state("networkidle")  # the thumbnail too
        stage.save(page, f"step{step.number}_profile.png", "details")


def log_sources(step):
    return [f"{step.name}/config/settings.py", "tools/templates/console.html", *profile(step)]


@takes({f"step{step.number}_log.png": log_sources(step) for step in STEPS})
def console_logs(stage):
    """Show what the sign-up above left on the consoles, without the requests for the page."""
    for step in STEPS:
        terminals = [terminal(stage.logs / step.name, "runserver")]
        if step.has_consumer:
            terminals.append(terminal(stage.logs / f"{step.name}.consumer", "run_huey"))
        page = stage.open(viewport={"width": 1600, "height": 800})
        page.set_content(render("console.html", {"terminals": terminals}).decode())
        stage.save(page, f"step{step.number}_log.png")


def terminal(path, command):
    text = path.read_text(encoding="utf-8")
    wanted = re.compile(rf"for {NAME}|POST /signup/.* 302|huey:.*(email|image)")
    lines = [console_line(line) for line in text.splitlines() if wanted.search(line)]
    return {"command": command, "lines": lines}


def console_line(line):
    before, seconds, after = re.fullmatch(r"(.*?)(\[[\d.]+s\])?(?(2)(.*))", line).groups("")
    kind = "work" if seconds else "other"
    return {"kind": kind, "before": before, "seconds": seconds, "after": after}


@takes(
    {
        "inbox.png": [
            "tools/templates/inbox.html",
            "tools/standins/*.py",
            "step*/accounts/templates/accounts/email/welcome.txt",
        ]
    }
)
def inbox(stage):
    page = stage.open()
    page.goto(stage.standins.http_url)
    stage.save(page, "inbox.png", "article:nth-of-type(2)")


@takes({"step4_admin.png": ["step4_huey/accounts/admin.py", "step4_huey/accounts/models.py"]})
def admin(stage):
    """Let a picture fail that is cut off in the middle, and look at it as an administrator."""
    step = STEPS[3]
    url, var_dir = stage.sites[step]
    picture = make_picture()
    visitor = Visitor(url, "grace")
    visitor.sign_up(picture[: len(picture) // 2])
    account = {"USERNAME": "admin", "EMAIL": "admin@example.com", "PASSWORD": PASSWORD}
    environment = {f"DJANGO_SUPERUSER_{name}": value for name, value in account.items()}
    subprocess.run(
        manage("createsuperuser", "--noinput"),
        cwd=step.folder,
        env=step_environment(step, stage.standins, var_dir) | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    page = stage.open()
    page.goto(f"{url}/admin/accounts/profile/")
    page.get_by_label("Username").fill(account["USERNAME"])
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    while page.locator("td", has_text=re.compile("waiting|retrying")).count():
        page.wait_for_timeout(500)
        page.reload()
    expect(page.locator(".field-picture_state", has_text="failed")).to_be_visible()
    page.locator("select[name=action]").select_option("start_again")
    stage.save(page, "step4_admin.png", "#changelist")


@takes({"comparison.png": ["notebooks/05_comparison.ipynb"]})
def comparison(stage):
    """Keep the first plot of the notebook that compares the steps."""
    notebook = json.loads((ROOT / "notebooks" / "05_comparison.ipynb").read_text(encoding="utf-8"))
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    plot = next(o["data"]["image/png"] for o in outputs if "image/png" in o.get("data", {}))
    stage.keep(b64decode(plot), "comparison.png")


RACE = ["tools/race.py", "tools/timings.py", "tools/visitor.py", "tools/templates/race.*", STYLE]


@takes({"race_running.png": RACE, "race_over.png": RACE})
def race(stage):
    stopping = Event()
    races = Races(stage.sites, stage.standins, stage.threads, stopping)
    listener = listen(LOOPBACK, 0)
    port = listener.getsockname()[1]
    with listener, serve(listener, RaceHandler, races, LOOPBACK):
        page = stage.open()
        page.goto(f"http://{LOOPBACK}:{port}/")
        page.get_by_role("button", name="Sign up in all four").click()
        expect(page.locator("[data-step='4'] .page-back").first).to_be_visible()
        page.wait_for_timeout(3000)  # for bars to grow
        stage.save(page, "race_running.png", "#race")
        expect(page.get_by_role("status")).to_contain_text("is over")
        stage.save(page, "race_over.png", "#race")
        page.close()


def digest(patterns):
    """Return a hash of what the files hold, the same for every checkout's line ends."""
    content = hashlib.sha256()
    for pattern in patterns:
        for path in sorted(ROOT.glob(pattern)):
            content.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return content.hexdigest()


def shown():
    """Return for each picture the patterns of the files that it shows."""
    return {name: patterns for table in takers.values() for name, patterns in table.items()}


def take_all(console):
    """Start everything, take all pictures, and note what they show."""
    FOLDER.mkdir(exist_ok=True)
    # First, so that a file changed meanwhile makes its pictures old.
    hashes = {name: digest(patterns) for name, patterns in shown().items()}
    with ExitStack() as stack:
        browser = stack.enter_context(open_browser())
        threads = stack.enter_context(ThreadPoolExecutor(5))
        standins = stack.enter_context(Standins(http_port=0, smtp_port=0))
        folder = Path(stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True)))
        columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
        progress = stack.enter_context(Progress(*columns, TimeElapsedColumn(), console=console))
        task = progress.add_task("Starting the sites", total=len(shown()))
        sites = start_sites(standins, folder, stack)
        stage = Stage(browser, standins, sites, folder, threads, progress, task)
        for take in takers:
            progress.update(task, description=take.__name__.replace("_", " "))
            take(stage)
    SOURCES.write_text(json.dumps(hashes, indent=2) + "\n", encoding="utf-8", newline="\n")


def start_sites(standins, folder, stack):
    sites = {}
    for step in STEPS:
        var_dir, log = folder / "var" / step.name, folder / step.name
        environment = step_environment(step, standins, var_dir)
        migrate(step, environment)
        url = stack.enter_context(server(step, environment, LOOPBACK, free_port(), log))
        if step.has_consumer:
            stack.enter_context(consumer(step, environment, log.with_suffix(".consumer")))
        sites[step] = (url, var_dir)
    return sites


def main(arguments=None):
    """Run the command; return its exit status."""
    argparse.ArgumentParser(prog="workshop.py screenshots", description=__doc__).parse_args(
        arguments
    )
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(143)
    )  # stops what was started, as Ctrl-C does
    console = Console(highlight=False)
    try:
        take_all(console)
    except (NoBrowser, StartError) as error:
        console.print(f"[red]{error}[/red]")
        return 1
    except KeyboardInterrupt:
        console.print("Stopped.")
        return 130
    console.print(f"{len(shown())} pictures are in {FOLDER}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
