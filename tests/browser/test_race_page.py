"""The race's page in a real browser. The race is over there, and its sites only pretend."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

from tools.race import Races, pages
from tools.race.drawing import drawing
from tools.sites.addresses import listen
from tools.sites.catalogue import STEPS
from tools.sites.web import serve

from ..test_lane import BACK, CONSUMER, NEW_CONSUMER, SAVED, cut, lane_of, work
from .test_pages import PHONE, axe_violations

PROJECTOR = {"width": 1280, "height": 720}  # pixels
SMALL_TARGETS = """buttons => buttons.map(button => button.getBoundingClientRect())
    .filter(({ width, height }) => width < 24 || height < 24)"""
SMALL_TEXT = """names => names.filter(name => parseFloat(getComputedStyle(name).fontSize) < 16)
    .map(name => name.textContent)"""
# In one worker of pytest-xdist, with one browser, and with the races' own tests.
pytestmark = pytest.mark.xdist_group("sites")


class PretendedSite:
    url, port, var_dir = "http://127.0.0.1:1", 1, Path()

    def __init__(self):
        self.calls = []
        self.may_start = Event()

    def kill(self):
        self.calls.append("kill")

    def start_again(self):
        self.may_start.wait(60)
        self.calls.append("start again")


@pytest.fixture
def races(standins):
    with ThreadPoolExecutor(1) as threads:
        yield Races({step: PretendedSite() for step in STEPS}, standins, threads, Event())


@pytest.fixture
def url(races):
    listener = listen("127.0.0.1", 0)
    with serve(listener, pages, races, "127.0.0.1"):
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def race_with_kills():
    """Return the JSON of a race in which all five steps were killed."""
    cut_off = [*SAVED, work("fetch joke", 101, 101.4), work("send mail", 101.4)]
    joke = work("fetch joke", 101, 101.4, CONSUMER)
    mail = work("send mail", 101.4, 102, CONSUMER)
    resize = work("resize picture", 101, process=CONSUMER) | {"threadName": "Worker-2"}
    again = work("resize picture", 112, 117, NEW_CONSUMER) | {"threadName": "Worker-2"}
    lanes = [lane_of(number, *cut_off, answer=cut(), killed_at=103) for number in [1, 2, 3]]
    lanes.append(lane_of(4, *BACK, joke, mail, resize, answer=True, killed_at=103))
    lanes.append(lane_of(5, *BACK, joke, mail, resize, again, answer=True, killed_at=103))
    assert all(lane.is_over for lane in lanes)
    race = {"number": 1, "name": "ada", "together": True, "is_over": True}
    return race | {"lanes": [drawing(lane) for lane in lanes]}


def test_five_lanes_with_kills_fit_and_are_accessible(races, url, open_page):
    races.race = SimpleNamespace(json=race_with_kills(), is_over=True)
    page = open_page(url)
    expect(page.get_by_role("status").first).to_contain_text(
        "Page back after 0.70 and 0.70 s in steps 4 and 5. "
        "Steps 1 to 3 lost the mail and picture. Step 4 lost the picture."
    )
    fourth = page.get_by_role("region", name="Step 4")
    expect(fourth.locator(".waited")).to_have_text("Page back after 0.70 s. Picture lost.")
    assert page.locator(".bar.abandoned").count() == 5
    assert page.locator(".bar.running").count() == 0
    for viewport in [PROJECTOR, PHONE]:
        page.set_viewport_size(viewport)
        for mark in page.locator(".kill-mark").all():
            expect(mark).to_be_visible()
        assert axe_violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
        assert page.locator(".kill").evaluate_all(SMALL_TARGETS) == []
        if viewport == PROJECTOR:
            last = page.locator(".step-lane").last.bounding_box()
            assert last["y"] + last["height"] <= viewport["height"]
            assert page.locator(".lane-name").evaluate_all(SMALL_TEXT) == []


def test_before_the_start_the_page_asks_and_offers_no_kill(url, open_page):
    page = open_page(url)
    expect(page.get_by_role("status").first).to_contain_text("which step's page is back first")
    expect(page.locator(".lane")).to_have_count(5)
    expect(page.get_by_role("button", name="Kill step")).to_have_count(0)
    assert axe_violations(page) == []


def test_times_of_the_axis_stand_apart(url, open_page):
    page = open_page(url, viewport=PHONE)
    for seconds in [2, 4, 6, 8, 10, 16, 20, 30, 40, 60, 80]:
        page.evaluate("seconds => drawAxis(seconds)", seconds)
        spans = page.locator(".axis span")
        labels = spans.evaluate_all("e => e.map(e => e.getBoundingClientRect())")
        assert len(labels) >= 3, seconds
        for left, right in pairwise(labels):
            assert left["right"] < right["left"], seconds


def test_kill_button_kills_and_says_so(races, url, open_page):
    lanes = [drawing(lane_of(step.number, *SAVED), now=103) for step in STEPS]
    race = {"number": 1, "name": "ada", "together": True, "is_over": False, "lanes": lanes}
    races.race = SimpleNamespace(json=race, started_at=0, zero=lambda kill: None)
    page = open_page(url)
    expect(page.get_by_role("button", name="Kill step")).to_have_count(5)
    names = [button.get_attribute("aria-label") for button in page.locator(".kill").all()]
    assert names[2:4] == ["Kill step 3's server", "Kill step 4's worker"]
    site = next(site for step, site in races.sites.items() if step.number == 4)
    page.get_by_role("button", name="Kill step 4's worker").click()
    lane = page.get_by_role("region", name="Step 4")
    expect(lane.get_by_text("killed, starting again ...")).to_be_visible()
    assert site.calls == ["kill"]
    site.may_start.set()
    expect(lane.get_by_text("killed, back after 0.")).to_be_visible()
    assert site.calls == ["kill", "start again"]
