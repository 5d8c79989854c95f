"""The race's pages."""

import os
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from django.http import Http404, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_GET, require_POST
from PIL import Image

from ..sites.addresses import address
from ..sites.catalogue import ROOT
from ..sites.templates import render
from ..sites.visitor import PASSWORD
from ..sites.web import instructors_link, json_object, refuse_audience
from ..standins.pages import change
from ..standins.state import ALLOWED, FAILURES, MAX_DELAY
from .lane import LIMIT
from .races import NAME

STATIC = ROOT / "kit/timing/static/timing"  # the steps' own files, for the colours of the work
TEMPLATES = Path(__file__).parent / "templates"
FILES = {
    "race.css": TEMPLATES,
    "race.js": TEMPLATES,
    "race_live.js": TEMPLATES,
    "style.css": STATIC,
    "timeline.css": STATIC,
}
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
# Milliseconds between two looks at a race that runs. Forty who watch look less often, or their
# requests would slow down what they watch.
PAUSE, AUDIENCE_PAUSE = 150, 600
FAILURE_WORDS = {
    None: "healthy",
    "500": "answers 500",
    "4xx": "refuses for now",
    "5xx": "refuses the recipient",
    "reset": "cuts the connection",
    "hang": "never answers",
    "garbage": "talks nonsense",
    "drip": "drips a byte at a time",
    "flood": "never stops talking",
}
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


@require_GET
def start(request):
    """Show the page, with links to the name by which its reader calls us."""
    if answer := instructors_link(request):
        return answer
    races, is_instructors = request.served, request.is_instructors
    host = urlsplit(f"//{request.get_host()}").hostname
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
    }
    response = HttpResponse(render(TEMPLATES / "race.html", context))
    visitor = request.COOKIES.get("visitor") or uuid4().hex
    response.set_cookie("visitor", visitor, httponly=True, samesite="Strict")
    return response


@require_GET
def picture(request):
    """Show the picture, scaled down."""
    content = BytesIO()
    with Image.open(BytesIO(request.served.picture)) as image:
        image.thumbnail((320, 240))
        image.save(content, "JPEG")
    return HttpResponse(content.getvalue(), "image/jpeg")


@require_GET
def race_json(request):
    return JsonResponse(state(request))


@require_POST
def race(request):
    races = request.served
    if not races.for_all:
        refuse_audience(request)
    choices = json_object(request, "name, together")
    visitor = request.COOKIES.get("visitor", "")
    races.start(choices.get("name"), choices.get("together", True), visitor)
    return JsonResponse(state(request), status=202)


@require_POST
def kill(request):
    refuse_audience(request)
    request.served.kill(json_object(request, "step").get("step"))
    return JsonResponse(state(request), status=202)


@require_POST
def control(request):
    refuse_audience(request)
    return JsonResponse(change(request.served.standins, json_object(request, ALLOWED)))


@require_GET
def file(request, name):
    if name not in FILES:
        raise Http404
    found = FILES[name] / name
    return HttpResponse(found.read_bytes(), TYPES[found.suffix])


def state(request):
    return request.served.to_json(request.COOKIES.get("visitor", ""))


urlpatterns = [
    path("", start),
    path("picture.jpg", picture),
    path("race.json", race_json),
    path("race", race),
    path("kill", kill),
    path("control", control),
    path("<str:name>", file),
]
