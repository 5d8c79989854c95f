"""The race: one press of a button signs the same visitor up in all four steps, in view of all.

The demo serves its page. It shows each step's own timing log, and how long the request took as
measured here; nothing else.
"""

import os
import re
import time
from html import unescape
from io import BytesIO
from pathlib import Path
from threading import Lock
from urllib.parse import urlsplit
from uuid import uuid4

import requests
from PIL import Image

from .catalogue import ROOT, STEPS
from .standins import ALLOWED, FAILURES, MAX_DELAY, control
from .timings import SignUp, TimingLog
from .visitor import PASSWORD, Visitor, make_picture
from .web import POLL, Handler, Refusal, render

LIMIT = 60  # seconds that a lane is watched, however much is still to do
MAIL_TRIES = {step: 9 if step.has_consumer else 1 for step in STEPS}  # step 4's tasks.py: 8 retries
NAME = r"[A-Za-z0-9_\-]{1,30}"
HERE = Path(__file__).parent / "templates"
FILES = {
    "GET /race.css": (HERE / "race.css", "text/css; charset=utf-8"),
    "GET /race.js": (HERE / "race.js", "text/javascript; charset=utf-8"),
    # The steps' own file, for the colours of the pieces of work.
    "GET /style.css": (STEPS[0].folder / "accounts/static/accounts/style.css", "text/css"),
}
FAILURE_WORDS = {
    None: "in order",
    "500": "answers 500",
    "4xx": "refuses for now",
    "5xx": "refuses for good",
    "reset": "cuts the connection",
    "hang": "never answers",
    "garbage": "talks nonsense",
}


class Lane:
    """One step's part in a race: a sign-up that is sent, and followed in the step's timing log."""

    def __init__(self, step, url, var_dir, username):
        self.step = step
        self.visitor = Visitor(url, username)
        self.timing_log = TimingLog(var_dir)
        self.sign_up = SignUp(mail_tries=MAIL_TRIES[step])
        self.answer = None  # a future, once the request was sent
        self.request_seconds = None
        self.problem = ""
        self.is_over = False

    def start(self, picture, threads):
        """Send the sign-up from one of the threads."""
        self.timing_log.skip()
        self.deadline = time.monotonic() + LIMIT
        self.answer = threads.submit(self.visitor.sign_up, picture)

    def look(self):
        """Take in what is new in the log; return whether there is nothing left to wait for."""
        records = self.timing_log.new_records(with_begun=True)
        self.sign_up.add(r for r in records if r["username"] == self.visitor.username)
        if self.answer.done() and self.request_seconds is None:
            self.read_answer()
        if self.request_seconds is not None and self.sign_up.is_settled:
            self.is_over = True
        elif time.monotonic() > self.deadline:
            self.is_over = True
            if not self.only_retries:
                self.problem = self.problem or f"not done after {LIMIT} s, so no longer watched"
        self.is_over = self.is_over or bool(self.problem)
        return self.is_over

    @property
    def only_retries(self):
        """Whether the page is back, and all that is left is a mail that will be tried again."""
        resized = self.sign_up.picture_state in {"done", "failed"}
        retried = self.sign_up.mail_state == "retrying"
        return self.request_seconds is not None and resized and retried

    def read_answer(self):
        try:
            response = self.answer.result()
        except (requests.RequestException, ValueError) as error:  # ValueError: a form without token
            self.problem = f"the site did not answer the sign-up: {error}"
            return
        self.request_seconds = response.elapsed.total_seconds()
        if response.status_code != 302:
            errors = re.findall(r'class="errorlist"[^>]*><li>(.*?)</li>', response.text)
            reason = unescape(" ".join(errors)) or f"status {response.status_code}"
            self.problem = f"the site refused the sign-up: {reason}"

    @property
    def state(self):
        """One of "waiting", "running", "done", "retrying" (no longer watched), "failed"."""
        if self.answer is None:
            return "waiting"
        if not self.is_over:
            return "running"
        if self.only_retries:
            return "retrying"
        failed = "failed" in (self.sign_up.picture_state, self.sign_up.mail_state)
        return "failed" if self.problem or failed else "done"

    @property
    def doing(self):
        """What happens now, in the timing log's words."""
        request = self.sign_up.request
        if self.is_over:
            return self.problem or self.state
        if self.answer is None:
            return "not started"
        if request is None:
            return "the request is on its way"
        work = ", ".join(self.sign_up.running)
        if not request["end"]:
            return f"the visitor waits: {work}" if work else "the visitor waits"
        if self.sign_up.is_settled:
            return "the page is on its way"
        if not work and self.sign_up.mail_state == "retrying":
            work = "a pause before the mail's next try"
        return f"the page is back: {work or 'the rest waits its turn'}"

    def to_json(self):
        """Return what the page shows. Times are in seconds from the sign-up's start in the log."""
        request, now = self.sign_up.request, time.time()
        lane = {
            "step": self.step.number,
            "username": self.visitor.username,
            "state": self.state,
            "doing": self.doing,
            "problem": self.problem,
            "request_seconds": self.request_seconds,
            "waited": None,
            "page_is_back": False,
            "whole": None,
            "picture": self.picture_words(),
            "mail": self.mail_words(),
            "bars": [],
        }
        if request:
            start = request["start"]
            works = self.sign_up.records
            is_settled = self.is_over and self.sign_up.is_settled
            end = max(work["end"] or work["start"] for work in works) if is_settled else now
            lane |= {
                "waited": (request["end"] or end) - start,
                "page_is_back": bool(request["end"]),
                "whole": end - start,
                "bars": [
                    {
                        "event": work["event"],
                        "row": self.sign_up.row(work),
                        "begin": work["start"] - start,
                        "seconds": (work["end"] or end) - work["start"],
                        "running": not work["end"],
                        "error": work["error"],
                    }
                    for work in works
                    if work is not request
                ],
            }
        return lane

    def picture_words(self):
        state = self.sign_up.picture_state
        if state == "failed":
            return f"failed: {self.sign_up.latest('resize picture')['error']}"
        return {"waiting": "waits", "running": "is being resized", "done": "resized"}[state]

    def mail_words(self):
        state, errors = self.sign_up.mail_state, self.sign_up.mail_errors
        if state == "failed":
            return f"failed for good, after {count(errors)}: {errors[-1]}"
        if state == "retrying":
            return f"will be tried again, after {count(errors)}: {errors[-1]}"
        words = {"waiting": "waits", "running": "is being sent", "done": "sent"}[state]
        return f"{words}, after {count(errors)} that failed" if errors else words


def count(tries):
    return "1 try" if len(tries) == 1 else f"{len(tries)} tries"


class Race:
    """The same sign-up in several lanes, at the same moment or (`together` false) in turn."""

    def __init__(self, number, name, together, lanes):
        self.number, self.name, self.together, self.lanes = number, name, together, lanes
        self.is_over = False
        self.is_replaced = False
        self.publish()

    def run(self, picture, threads, stopping):
        """Sign up and follow, until all is done, `stopping` is set, or another race follows."""
        try:
            for lanes in [self.lanes] if self.together else [[lane] for lane in self.lanes]:
                for lane in lanes:
                    lane.start(picture, threads)
                while running := [lane for lane in lanes if not lane.is_over]:
                    if stopping.wait(POLL) or self.is_replaced:
                        return
                    for lane in running:
                        lane.look()
                    self.publish()
        except Exception as error:
            for lane in self.lanes:
                lane.problem = lane.problem or f"the race broke off: {error!r}"
            raise
        finally:
            for lane in self.lanes:
                lane.is_over = True
            self.is_over = True
            self.publish()

    def publish(self):
        """Keep what others ask for, so that only this race's own thread touches its lanes."""
        self.may_be_replaced = all(lane.is_over or lane.only_retries for lane in self.lanes)
        self.json = {
            "number": self.number,
            "name": self.name,
            "together": self.together,
            "is_over": self.is_over,
            "lanes": [lane.to_json() for lane in self.lanes],
        }


class Races:
    """The demo's races, of which one runs at a time.

    `sites`: each step's Site. `threads` needs room for five
    threads. Setting the event `stopping` ends a race.
    """

    def __init__(self, sites, standins, threads, stopping):
        self.sites, self.standins = sites, standins
        self.threads, self.stopping = threads, stopping
        self.in_order = standins.settings  # as they were before anybody touched the switches
        self.picture = make_picture()
        self.race = None
        self.lock = Lock()

    def start(self, name="ada", together=True):
        """Start a race. Raises Refusal for a bad name, and while another one runs."""
        if not isinstance(name, str) or not re.fullmatch(NAME, name):
            raise Refusal(400, "a name has 1 to 30 letters, digits, hyphens and underscores")
        if not isinstance(together, bool):
            raise Refusal(400, "together must be true or false")
        with self.lock:
            if self.race and not self.race.is_over:
                if not self.race.may_be_replaced:
                    raise Refusal(409, "A race is running already. This page shows it.")
                self.race.is_replaced = True
            number = self.race.number + 1 if self.race else 1
            username = f"{name}-{uuid4().hex[:6]}"
            lanes = [Lane(s, site.url, site.var_dir, username) for s, site in self.sites.items()]
            self.race = Race(number, name, together, lanes)
            self.threads.submit(self.race.run, self.picture, self.threads, self.stopping)

    def to_json(self):
        race = self.race
        return {"race": race and race.json, "standins": self.standins.settings}

    def preview(self):
        """Return the picture, scaled down to be shown as a JPEG."""
        content = BytesIO()
        with Image.open(BytesIO(self.picture)) as image:
            image.thumbnail((320, 240))
            image.save(content, "JPEG")
        return content.getvalue()

    def page(self, host):
        """Return the page, with links to `host`, the name by which its reader calls us."""
        steps = [
            {"step": step, "url": f"http://{host}:{site.port}"} for step, site in self.sites.items()
        ]
        switches = [
            {
                "name": name,
                "kind": kind,
                "failures": [
                    (value or "", FAILURE_WORDS[value]) for value in FAILURES[f"{kind}_failure"]
                ],
            }
            for kind, name in [("joke", "Joke API"), ("mail", "Mail server")]
        ]
        context = {
            "steps": steps,
            "switches": switches,
            "in_order": self.in_order,
            "max_delay": MAX_DELAY,
            "limit": LIMIT,
            "cores": os.cpu_count(),
            "name_pattern": NAME,
            "password": PASSWORD,
            "picture_megabytes": f"{len(self.picture) / 1e6:.1f}",
            "inbox_url": f"http://{host}:{self.standins.http_port}/",
            "notebooks": any((ROOT / "notebooks").glob("*.ipynb")),
        }
        return render("race.html", context)


class RaceHandler(Handler):
    content_security_policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )

    def answer(self, request, body):
        self.refuse_strangers()
        races = self.server.served
        match request:
            case "GET /":
                host = urlsplit(f"//{self.headers['Host']}").hostname
                self.reply(races.page(host), "text/html; charset=utf-8")
            case "GET /picture.jpg":
                self.reply(races.preview(), "image/jpeg")
            case "GET /race.json":
                self.reply(races.to_json())
            case "POST /race":
                choices = self.json_object(body, "name, together")
                races.start(choices.get("name"), choices.get("together", True))
                self.reply(races.to_json(), status=202)
            case "POST /control":
                self.reply(control(races.standins, self.json_object(body, ALLOWED)))
            case _ if request in FILES:
                path, content_type = FILES[request]
                self.reply(path.read_bytes(), content_type)
            case _:
                raise Refusal(404, f"there is no {request}")
