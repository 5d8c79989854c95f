"""What a visitor sees and does in a real browser: the pages that all steps share."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tools.publish import slides
from tools.sites.catalogue import STEPS
from tools.sites.site import running_site
from tools.sites.visitor import PASSWORD, Visitor
from tools.upkeep.changes import files, is_listed

from ..conftest import LIGHT, VisitedSite, wait_for

PHONE = {"width": 390, "height": 844}  # pixels
# Of a slide: what is wider or higher than its place, and what is too small to be read from afar.
TOO_LARGE = """slide => [slide, ...slide.querySelectorAll("*")]
    .filter(e => e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1)
    .filter(e => getComputedStyle(e).display != "inline").map(e => e.outerHTML.slice(0, 80))"""
TOO_SMALL = """slide => [...slide.querySelectorAll("p, li, td, pre, img")]
    .filter(e => e.tagName == "IMG" ? e.width < e.naturalWidth || e.height < e.naturalHeight
        : parseFloat(getComputedStyle(e).fontSize) < 18).map(e => e.outerHTML.slice(0, 80))"""
DONE = ["[data-picture=done]", "[data-welcome=done]"]
COLOUR_RULES = ["color-contrast", "link-in-text-block"]  # of axe
ALL_BUT_MEDIA = {"preload": False}  # for them axe fetches style sheets, which a file: page can't
# What a page hangs on.
PAGES = ["accounts/forms.py", "accounts/templates/"]
ABOUT_THE_STEP = "accounts/templates/accounts/base.html"
UNDONE = """SELECT count(*) FROM accounts_profile
    WHERE welcome_sent_at IS NULL OR picture != '' AND thumbnail = ''"""
# In one worker of pytest-xdist, with one browser.
pytestmark = pytest.mark.xdist_group("sites")


@pytest.fixture(scope="module")
def started_patient_site(started_standins, tmp_path_factory):
    """The last step's site, with one worker that no silence and no lease takes from its work."""
    var_dir = tmp_path_factory.mktemp("patient") / "var"
    options = LIGHT | {"kind": VisitedSite, "workers": 1, "SIMULATED_RESIZE_SECONDS": 0}
    options |= {"SILENCE_SECONDS": 600, "CONVERSATION_SECONDS": 600, "OUTBOX_LEASE_SECONDS": 1200}
    with running_site(STEPS[-1], started_standins, var_dir, **options) as site:
        yield site


@pytest.fixture
def site(started_patient_site, standins):
    return started_patient_site


@pytest.fixture
def waiting_site(site):
    """The site, whose worker a joke keeps waiting until `standins` has it in order."""
    site.standins.control(joke_failure="hang")
    yield site
    site.standins.control(joke_failure=None)
    # Or what a failed test has left to do would keep the worker from the next test's work.
    wait_for(lambda: site.rows(UNDONE) == [(0,)])


def sign_up(page, visitor, picture=None):
    """Fill in the form on the page and send it."""
    fill_in(page, visitor, picture).click()


def fill_in(page, visitor, picture=None):
    """Fill in the form on the page; return its button."""
    page.get_by_label("Username").fill(visitor.username)
    page.get_by_label("E-mail").fill(visitor.email)
    page.get_by_label("Password:").fill(PASSWORD)
    page.get_by_label("Password confirmation:").fill(PASSWORD)
    if picture:
        page.get_by_label("Profile picture").set_input_files(as_file(picture))
    return page.get_by_role("main").get_by_role("button", name="Sign up")


def as_file(picture):
    return {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": picture}


def expect_done(page):
    """Wait until the page shows, by whatever way, that all work is done."""
    for state in DONE:
        expect(page.locator(state)).to_be_visible()


def axe_violations(page):
    """Return what makes the page inaccessible, in the light and in the dark."""
    page.emulate_media(color_scheme="light")
    found = Axe().run(page, options=ALL_BUT_MEDIA).response["violations"]
    page.emulate_media(color_scheme="dark")  # in which nothing but colours changes
    found += page.evaluate("rules => axe.run({runOnly: rules})", COLOUR_RULES)["violations"]
    return [f"{rule['id']}: {node['html']}" for rule in found for node in rule["nodes"]]


def assert_accessible_on_a_phone(page):
    assert axe_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_pages_of_the_last_step_are_those_of_every_step():
    """Or it would not do to look at these alone: they differ in one sentence."""
    *earlier, last = map(files, STEPS)
    for step in earlier:
        names = {name for name in step.keys() | last.keys() if is_listed(name, PAGES)}
        other = {name for name in names if step.get(name) != last.get(name)}
        # Steps without retries have no words for them.
        assert other <= {ABOUT_THE_STEP, "accounts/templates/accounts/profile.html"}
    for step in STEPS:
        text = (step.folder / ABOUT_THE_STEP).read_text(encoding="utf-8")
        said = rf"<strong>Step {step.number}</strong> (</?code>|[^<>{{}}])+{{% endblock step %}}\n"
        assert re.fullmatch(r"[^<]*" + said, text)


def test_every_page_is_accessible_and_fits_a_phone(site, open_page, picture):
    page = open_page(site.url, viewport=PHONE)
    assert_accessible_on_a_phone(page)
    page.goto(f"{site.url}/login/")
    assert_accessible_on_a_phone(page)
    page.goto(f"{site.url}/signup/")
    assert_accessible_on_a_phone(page)
    sign_up(page, Visitor(site.url, "not!a!username"), b"not a picture")
    expect(page.locator(".errorlist")).to_have_count(2)
    assert_accessible_on_a_phone(page)
    sign_up(page, Visitor(site.url, "a" * 40 + site.visitor().username), picture)
    expect_done(page)
    assert_accessible_on_a_phone(page)
    page.get_by_text("The same as a table").click()
    assert_accessible_on_a_phone(page)


def test_page_that_waits_is_accessible_changes_by_itself_and_then_stops_asking(
    waiting_site, open_page, picture
):
    page = open_page(f"{waiting_site.url}/signup/", alone=True, viewport=PHONE)
    page.clock.install()
    asked, home = [], f"{waiting_site.url}/"
    sign_up(page, waiting_site.visitor(), picture)
    for state in ["[data-picture=waiting]", "[data-welcome=waiting]", ".bar.running"]:
        expect(page.locator(state)).to_be_visible()
    assert_accessible_on_a_phone(page)
    page.evaluate("window.stillTheSamePage = true")
    page.on("request", lambda r: asked.append(r.url) if r.url == home else None)
    page.get_by_text("The same as a table").click()
    waiting_site.standins.control(joke_failure=None)

    expect_done(page)
    thumbnail = page.get_by_alt_text("Your profile picture")
    expect(thumbnail).to_have_js_property("naturalWidth", 300)
    expect(page.get_by_text("You waited")).to_be_visible()
    for bar in page.locator(".bar").all():
        expect(bar).to_be_visible()
    expect(page.locator("details")).to_have_attribute("open", "")
    expect(page.locator("tbody").get_by_text("resize picture")).to_be_visible()
    assert page.evaluate("window.stillTheSamePage")
    assert asked
    asked.clear()
    page.clock.run_for(60_000)  # a minute, of the page's time
    assert page.evaluate("window.stillTheSamePage")
    assert asked == []


def test_sign_up_without_javascript_shows_a_slow_mail_once_it_is_sent(
    waiting_site, open_page, picture
):
    page = open_page(f"{waiting_site.url}/signup/", java_script_enabled=False)
    sign_up(page, waiting_site.visitor(), picture)
    expect(page.locator("[data-welcome=waiting]")).to_have_text("not sent yet")
    waiting_site.standins.control(joke_failure=None)
    expect_done(page)
    expect(page.get_by_alt_text("Your profile picture")).to_be_visible()


PRESS_TWICE = """button => setTimeout(() => {
    button.click();
    setTimeout(() => { button.click(); console.log("pressed twice"); }, 200);
})"""


def test_sign_up_that_is_pressed_twice_is_sent_once(site, open_page):
    page = open_page(f"{site.url}/signup/")
    sent = []
    page.route("**/signup/", lambda route: sent.append(route))  # held, like a page that takes long
    with page.expect_console_message():
        fill_in(page, site.visitor()).evaluate(PRESS_TWICE)
    for request in sent:
        request.continue_()
    expect(page.locator("[data-welcome=done]")).to_be_visible()
    assert len(sent) == 1


def test_sign_up_by_keyboard_alone(site, open_page, picture):
    page = open_page(f"{site.url}/signup/")
    page.on("filechooser", lambda chooser: None)  # from now on, no chooser opens on the screen
    keyboard, focused, visitor = page.keyboard, page.locator(":focus"), site.visitor()
    expect(focused).to_have_attribute("name", "username")
    keyboard.type(visitor.username)
    for name, text in [("email", visitor.email), ("password1", PASSWORD), ("password2", PASSWORD)]:
        keyboard.press("Tab")
        expect(focused).to_have_attribute("name", name)
        keyboard.type(text)
    keyboard.press("Tab")
    expect(focused).to_have_attribute("name", "picture")
    with page.expect_file_chooser() as chooser:
        keyboard.press("Space")
    chooser.value.set_files(as_file(picture))
    keyboard.press("Tab")
    expect(focused).to_have_text("Sign up")
    keyboard.press("Enter")
    expect_done(page)


def test_slides_fit_a_projector_and_turn_by_keys(context_with, tmp_path):
    path = tmp_path / "slides.html"
    path.write_bytes(slides.page())
    page = context_with(viewport={"width": 1280, "height": 720}).new_page()
    page.goto(path.as_uri())
    count = page.locator("section").count()
    for number in range(1, count + 1):
        slide = page.locator("section:visible")
        expect(slide).to_have_id(str(number))
        assert slide.evaluate(TOO_LARGE) == []
        assert slide.evaluate(TOO_SMALL) == []
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Home")
    expect(page.locator("section:visible")).to_have_id("1")
    expect(page.locator("blockquote:visible")).to_have_count(0)
    page.keyboard.press("n")
    expect(page.locator("blockquote:visible")).to_have_count(1)
    page.emulate_media(media="print")
    expect(page.locator("section:visible")).to_have_count(count)
    page.close()
