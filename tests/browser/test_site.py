"""The static site, opened from a folder and served by a plain file server."""

import json
import re
import sys
from functools import partial
from html import unescape
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from math import inf
from threading import Thread
from urllib.parse import unquote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tools.publish.site import REPLAY
from tools.race.drawing import drawing
from tools.race.recorded import RecordedLane
from tools.sites.catalogue import ROOT, STEPS
from tools.upkeep.changes import changed_lines

from ..conftest import completed
from .test_pages import COLOUR_RULES, PHONE, axe_violations

DESKTOP = {"width": 1280, "height": 800}  # pixels
RACES = json.loads((ROOT / "notebooks/data/races.json").read_text(encoding="utf-8"))["races"]
ONE_OF_EACH_KIND = [
    "index.html",
    f"{STEPS[3].name}/README.html",
    "notebooks/01_sync_signup.html",
    "search.html",
    REPLAY,
]
COLOURS_ASIDE = {rule: {"enabled": False} for rule in COLOUR_RULES}  # they take the most time
# What the page says of the race and of each lane that is shown, and the rows of its table.
SHOWN = """() => [
    ...document.querySelectorAll(".step-lane:not([hidden]), #status, #table tr"),
].map(part => [...(part.cells ?? [part])].map(text => text.textContent.trim()).join(", "))"""
# In one worker of pytest-xdist, with one browser.
pytestmark = pytest.mark.xdist_group("sites")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published") / "site"
    command = [sys.executable, "-m", "tools.publish.site", f"--output={folder}"]
    result = completed(command)
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture(scope="module")
def pages(folder):
    return sorted(folder.rglob("*.html"))


@pytest.fixture(scope="module")
def served(folder):
    """The address of a plain file server that serves the folder."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def replay(folder, open_page):
    """The replay from the folder, as its page is opened with such options."""
    return partial(open_page, (folder / REPLAY).as_uri(), alone=True)


class Links(HTMLParser):
    """Collects a page's links, what it loads, and the names that links may lead to."""

    def __init__(self, path):
        super().__init__()
        self.links, self.loaded, self.names, self.pictures = [], [], set(), []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.names |= {attributes.get("id"), attributes.get("name")}
        if tag == "img":
            self.pictures.append(attributes.get("alt"))
        if tag == "a":
            self.links.append(attributes.get("href", ""))
        elif attributes.get("rel") != "canonical":
            self.loaded += [attributes[name] for name in ("href", "src") if attributes.get(name)]


def test_links_lead_somewhere_pictures_have_words_and_all_is_in_the_folder(pages):
    read = {path: Links(path) for path in pages}
    dead = []
    for path, page in read.items():
        assert [
            url for url in page.loaded if re.match(r"\w+:|//", url) and "data:" not in url
        ] == []
        assert all(page.pictures), path.name
        for link in page.links + page.loaded:
            url = urlsplit(link)
            if url.scheme:
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            if not target.is_file() or (
                url.fragment and target in read and unquote(url.fragment) not in read[target].names
            ):
                dead.append((path.name, link))
    assert dead == []


def test_every_page_opens_from_the_folder_and_fits(pages, open_page):
    page = open_page(pages[0].as_uri())
    for path in pages:
        page.goto(path.as_uri())
        for viewport in [PHONE, DESKTOP]:
            page.set_viewport_size(viewport)
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width == viewport["width"], path.name


def test_every_page_is_accessible(pages, folder, served, open_page):
    page = open_page(served, viewport=PHONE)
    for path in pages:
        page.goto(f"{served}/{path.relative_to(folder).as_posix()}")
        found = Axe().run(page, options={"rules": COLOURS_ASIDE}).response["violations"]
        assert [rule["nodes"] for rule in found] == [], path.name


@pytest.mark.parametrize("name", ONE_OF_EACH_KIND)
def test_colours_can_be_read_in_light_and_dark(name, folder, served, open_page):
    assert (folder / name).exists()
    page = open_page(f"{served}/{name}", viewport=DESKTOP)
    assert axe_violations(page) == []


def test_first_page_is_light_and_so_is_the_whole(folder, served, open_page):
    page, asked = open_page(f"{served}/search.html", alone=True), {"index.html"}
    page.on("request", lambda request: asked.add(urlsplit(request.url).path.lstrip("/")))
    page.goto(f"{served}/index.html", wait_until="networkidle")
    sizes = {name: (folder / name).stat().st_size for name in asked}
    assert "_images/overview.png" in sizes
    assert sum(sizes.values()) <= 600_000, sizes
    assert page.get_by_role("link", name="replayed").count() >= 2
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= 15e6


def test_search_works_from_the_folder(folder, open_page):
    page = open_page((folder / "index.html").as_uri())
    page.get_by_placeholder("Search").fill("outbox")
    page.keyboard.press("Enter")
    expect(page.locator("#search-results")).to_contain_text("Step 5: ")


@pytest.mark.parametrize(("before", "after"), list(pairwise(STEPS)), ids=lambda step: step.name)
def test_lesson_shows_every_line_that_its_step_changes(folder, before, after):
    html = (folder / after.name / "README.html").read_text(encoding="utf-8")
    html = html.partition('<section id="everything-that-changed')[2]
    parts = re.findall(r"<h3><code.*?>(.*?)</code>.*?<pre>(.*?)</pre>", html, re.DOTALL)
    texts = {re.sub("<.*?>", "", n): unescape(re.sub("<.*?>", "", text)) for n, text in parts}
    shown = {
        name: sum(line[:1] in ("+", "-") and bool(line[1:].strip()) for line in text.splitlines())
        for name, text in texts.items()
    }
    assert shown == changed_lines(before, after)


@pytest.mark.parametrize("number", range(len(RACES)), ids=[race["title"] for race in RACES])
def test_replay_ends_as_recorded(replay, number):
    still = replay(reduced_motion="reduce")
    still.get_by_label("Race").select_option(str(number))
    shown = still.evaluate(SHOWN)
    for text, lane in zip(shown[1:], RACES[number]["lanes"], strict=False):
        end = drawing(RecordedLane(lane, inf), inf)
        assert f"{round(end['waited'], 3):.2f} s" in text  # the record has milliseconds
        assert f"{end['lost'].capitalize()} lost." in text or not end["lost"]
        for bar in end["bars"]:
            row = f"Step {lane['step']}, {bar['event']}, {bar['row']}, "
            row += f"{bar['begin']:.3f} s, {bar['seconds']:.3f} s"
            assert row + ", cut off" * bar["abandoned"] in shown

    playing = replay()
    playing.clock.install()
    playing.reload()
    playing.get_by_label("Race").select_option(str(number))
    playing.get_by_role("button", name="Start").click()
    playing.clock.run_for(60_000)
    expect(playing.get_by_role("button", name="Start")).to_be_visible()
    assert playing.evaluate(SHOWN) == shown


def test_replay_is_started_paused_slowed_and_narrowed_by_keyboard(replay):
    page = replay(viewport=PHONE)
    page.clock.install()
    page.reload()
    button = page.get_by_role("form", name="The replay").get_by_role("button")
    running = re.compile(r"Step 1, resize picture, request, [\d.]+ s, ([\d.]+) s so far")

    def seconds():
        """Return for how long step 1 has been resizing the picture."""
        return float(running.search("\n".join(page.evaluate(SHOWN)))[1])

    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_text("Pause")
    page.clock.run_for(3000)
    page.keyboard.press("Enter")
    expect(button).to_have_text("Go on")
    paused = seconds()
    page.clock.run_for(1500)
    assert seconds() == paused
    page.get_by_label("1", exact=True).focus()
    page.keyboard.press("ArrowLeft")
    button.focus()
    page.keyboard.press("Enter")
    page.clock.run_for(1500)
    assert seconds() - paused == pytest.approx(1.5 / 4, abs=0.01)
    page.get_by_label("Steps").press("End")
    expect(page.get_by_role("region")).to_have_count(1)
    expect(page.get_by_role("region", name="Step 5")).to_be_visible()
