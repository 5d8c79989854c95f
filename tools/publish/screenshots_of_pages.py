"""The pictures of the steps' own pages, and of what their consoles show meanwhile."""

import re

from playwright.sync_api import expect

from ..sites.catalogue import BY_NUMBER, STEPS
from ..sites.manage import manage_once
from ..sites.templates import render
from ..sites.visitor import PASSWORD, Visitor, make_picture
from . import TEMPLATES
from .screenshot_stage import PHONE, RESIZE_SECONDS, takes

NAME = "ada"
KIT_PAGES = ["kit/timing/templates/timing/*", "kit/timing/static/timing/*"]
STEP1, STEP4, STEP5 = (BY_NUMBER[number] for number in [1, 4, 5])


def accounts(step, *names):
    """Return patterns for files of the step's app and for what all its pages show."""
    common = templates("base")
    return [*(f"{step.name}/accounts/{name}" for name in [*common, *names]), *KIT_PAGES]


def templates(*names):
    return [f"templates/accounts/{name}.html" for name in names]


SIGN_UP = accounts(STEP1, "forms.py", *templates("sign_up"))


@takes({"sign_up.png": SIGN_UP, "sign_up_errors.png": SIGN_UP})
def sign_up_form(stage):
    page = stage.sign_up_page(STEP1)
    stage.save(page, "sign_up.png", "main")
    page = stage.sign_up_page(STEP1, PHONE)
    sign_up(page, b"not a picture", PASSWORD[::-1])
    expect(page.locator(".errorlist").first).to_be_visible()
    stage.save(page, "sign_up_errors.png", "main")


def sign_up(page, picture, password2=PASSWORD):
    """Fill in the form on the page and send it."""
    page.get_by_label("Username").fill(NAME)
    page.get_by_label("E-mail").fill(f"{NAME}@example.com")
    page.get_by_label("Password:").fill(PASSWORD)
    page.get_by_label("Password confirmation:").fill(password2)
    picture = {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": picture}
    page.get_by_label("Profile picture").set_input_files(picture)
    page.get_by_role("main").get_by_role("button", name="Sign up").click()


def profile(step):
    work = ["views.py", "models.py", "services.py"]
    work += [] if step.number == 1 else ["signals.py"]
    work += ["tasks.py"] if step.has_consumer else []
    return [*accounts(step, *work, *templates("profile")), "kit/timing/*.py"]


PROFILES = {f"step{step.number}_profile.png": profile(step) for step in STEPS}


@takes(PROFILES | {"step4_waiting.png": profile(STEP4)})
def profiles(stage):
    """Sign up in each step in turn, so that the jokes are the same each time."""
    picture = make_picture()
    for step in STEPS:
        page = stage.sign_up_page(step)
        sign_up(page, picture)
        if step is STEP4:
            expect(page.locator("[data-welcome=done]")).to_be_visible()
            page.wait_for_timeout(2000)  # for bars to grow
            expect(page.locator("[data-picture=waiting]")).to_be_visible()
            stage.save(page, "step4_waiting.png", "details")
        for state in ["[data-picture=done]", "[data-welcome=done]"]:
            expect(page.locator(state)).to_be_visible()
        page.wait_for_load_state("networkidle")  # the thumbnail too
        stage.save(page, f"step{step.number}_profile.png", "details")


def log_sources(step):
    return [
        f"{step.name}/config/settings.py",
        "tools/publish/templates/console.html",
        *profile(step),
    ]


@takes({f"step{step.number}_log.png": log_sources(step) for step in STEPS})
def console_logs(stage):
    """Show what the sign-up above left on the consoles, without the requests for the page."""
    for step in STEPS:
        site = stage.sites[step]
        terminals = [terminal(site.log, "runserver")]
        if step.has_consumer:
            terminals.append(terminal(site.consumer_log, "run_huey"))
        page = stage.open(viewport={"width": 1600, "height": 800})
        page.set_content(render(TEMPLATES / "console.html", {"terminals": terminals}).decode())
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


@takes({"step5_admin.png": [f"{STEP5.name}/outbox/*.py"]})
def admin(stage):
    """Let a mail fail for good, and look at its job as an administrator."""
    site = stage.sites[STEP5]
    stage.standins.control(mail_failure="5xx")
    site.environment["OUTBOX_MAX_ATTEMPTS"] = "1"
    site.kill_and_restart()
    Visitor(site.url, "grace").sign_up(make_picture())
    account = {"USERNAME": "admin", "EMAIL": "admin@example.com", "PASSWORD": PASSWORD}
    variables = {f"DJANGO_SUPERUSER_{name}": value for name, value in account.items()}
    manage_once(STEP5, site.environment | variables, "createsuperuser", "--noinput")
    page = stage.open()
    page.goto(f"{site.url}/admin/outbox/job/")
    page.get_by_label("Username").fill(account["USERNAME"])
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_timeout(1000 * (RESIZE_SECONDS + 3))  # until only mails are left
    page.reload()
    expect(page.locator("#result_list tbody tr")).to_have_count(2)
    page.locator("select[name=action]").select_option("start_again")
    stage.save(page, "step5_admin.png", "#changelist")
    stage.standins.control(mail_failure=None)
    del site.environment["OUTBOX_MAX_ATTEMPTS"]
    site.kill_and_restart()
