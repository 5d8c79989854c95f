"""The stand-ins' pages: the inbox and the control."""

from datetime import UTC, datetime
from pathlib import Path

from django.http import HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_http_methods

from ..sites.templates import render
from ..sites.web import Refusal, instructors_link, json_object, refuse_audience
from .state import ALLOWED

INBOX = Path(__file__).parent / "templates" / "inbox.html"
MAX_MAILS_ON_PAGE = 100
# A mail's HTML part inherits this policy: its inline styles work, nothing is fetched.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@require_http_methods(["GET"])
def inbox(request):
    """Show the inbox, newest mail first."""
    if answer := instructors_link(request):
        return answer
    mails = list(request.served.inbox)
    shown = [
        mail | {"time": f"{datetime.fromtimestamp(mail['received_at'], UTC):%Y-%m-%d %H:%M:%S}"}
        for mail in reversed(mails[-MAX_MAILS_ON_PAGE:])
    ]
    context = {"mails": shown, "count": len(mails), "settings": request.served.settings}
    return HttpResponse(render(INBOX, context))


@require_http_methods(["GET", "DELETE"])
def inbox_json(request):
    if request.method == "DELETE":
        refuse_audience(request)
        request.served.inbox.clear()
    mails = list(request.served.inbox)
    return JsonResponse({"count": len(mails), "mails": mails})


@require_http_methods(["GET", "POST"])
def control(request):
    if request.method == "POST":
        refuse_audience(request)
        change(request.served, json_object(request, ALLOWED))
    return JsonResponse(request.served.settings)


def change(standins, changes):
    """Change the settings as a request wants it; return all of them, or raise Refusal."""
    try:
        return standins.control(**changes)
    except ValueError as error:
        raise Refusal(400, str(error)) from error


urlpatterns = [
    path("", inbox),
    path("inbox.json", inbox_json),
    path("control", control),
]
