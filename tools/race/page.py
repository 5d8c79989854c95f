"""What serves the race's page."""

import os
from io import BytesIO
from urllib.parse import urlsplit
from uuid import uuid4

from PIL import Image

from ..sites.catalogue import ROOT
from ..sites.visitor import PASSWORD
from ..sites.web import TEMPLATES, Handler, Refusal, address, cookie_of, render
from ..standins.http import control
from ..standins.state import ALLOWED, FAILURES, MAX_DELAY
from .lane import LIMIT
from .races import NAME

STATIC = ROOT / "kit/timing/static/timing"  # the steps' own files, for the colours of the work
CSS, JAVASCRIPT = "text/css; charset=utf-8", "text/javascript; charset=utf-8"
FILES = {
    "GET /race.css": (TEMPLATES / "race.css", CSS),
    "GET /race.js": (TEMPLATES / "race.js", JAVASCRIPT),
    "GET /race_live.js": (TEMPLATES / "race_live.js", JAVASCRIPT),
    "GET /style.css": (STATIC / "style.css", CSS),
    "GET /timeline.css": (STATIC / "timeline.css", CSS),
}
# Milliseconds between two looks at a race that runs. Forty who watch look less often, or their
# requests would slow down what they watch.
PAUSE, AUDIENCE_PAUSE = 150, 600
FAILURE_WORDS = {
    None: "in order",
    "500": "answers 500",
    "4xx": "refuses for now",
    "5xx": "refuses the recipient",
    "reset": "cuts the connection",
    "hang": "never answers",
    "garbage": "talks nonsense",
    "drip": "drips a byte at a time",
    "flood": "never stops talking",
}


def preview(picture):
    """Return the picture, scaled down to be shown as a JPEG."""
    content = BytesIO()
    with Image.open(BytesIO(picture)) as image:
        image.thumbnail((320, 240))
        image.save(content, "JPEG")
    return content.getvalue()


def page(races, host, is_instructors):
    """Return the page, with links to `host`, the name by which its reader calls us."""
    steps = [
        {
            "step": step,
            "url": address(host, site.port),
            "killed": "worker" if step.has_consumer else "server",
        }
        for step, site in races.sites.items()
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
        "is_instructors": is_instructors,
        "may_race": is_instructors or races.for_all,
        "pause": PAUSE if is_instructors else AUDIENCE_PAUSE,
        "steps": steps,
        "switches": switches,
        "in_order": races.in_order,
        "max_delay": MAX_DELAY,
        "limit": LIMIT,
        "cores": os.cpu_count(),
        "name_pattern": NAME,
        "password": PASSWORD,
        "inbox_url": f"{address(host, races.standins.http_port)}/",
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
                visitor = self.cookie("visitor") or uuid4().hex
                headers = {"Set-Cookie": cookie_of("visitor", visitor)}
                content = page(races, host, self.is_instructors)
                self.reply(content, "text/html; charset=utf-8", headers=headers)
            case "GET /picture.jpg":
                self.reply(preview(races.picture), "image/jpeg")
            case "GET /race.json":
                self.reply(races.to_json(self.cookie("visitor")))
            case "POST /race":
                if not races.for_all:
                    self.refuse_audience()
                choices = self.json_object(body, "name, together")
                visitor = self.cookie("visitor")
                races.start(choices.get("name"), choices.get("together", True), visitor)
                self.reply(races.to_json(visitor), status=202)
            case "POST /kill":
                self.refuse_audience()
                races.kill(self.json_object(body, "step").get("step"))
                self.reply(races.to_json(self.cookie("visitor")), status=202)
            case "POST /control":
                self.refuse_audience()
                self.reply(control(races.standins, self.json_object(body, ALLOWED)))
            case _ if request in FILES:
                path, content_type = FILES[request]
                self.reply(path.read_bytes(), content_type)
            case _:
                raise Refusal(404, f"there is no {request}")
