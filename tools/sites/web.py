"""The launcher's own pages, the inbox and the race: Django views, which Waitress serves.

They speak HTTP to the people at this machine. Another website that is open in the same browser
can also send them requests. Django refuses those that call us by somebody else's name; and nothing
is changed but by JSON, which no website may send to another without asking that one first.
"""

import contextlib
import json
import logging
import secrets
import threading

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponseRedirect, JsonResponse
from waitress import create_server, wasyncore

from .addresses import forwarded, is_private, names

TOKEN = secrets.token_urlsafe(9)  # in the instructor's link, new each time

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=[],  # those of each server, once it serves
        ROOT_URLCONF=None,  # each server has its own
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.middleware.common.CommonMiddleware",  # asks for the name that we are called by
            "tools.sites.web.RefusalMiddleware",
        ],
        USE_TZ=True,
    )
# Neither a page that isn't there nor a stranger's name is worth a line in the terminal.
logging.getLogger("django.request").setLevel(logging.ERROR)
logging.getLogger("django.security").setLevel(logging.CRITICAL)
logging.getLogger("waitress").setLevel(logging.ERROR)


class Refusal(Exception):
    """A request that is answered with an error: HTTP status, message."""


class Pages(WSGIHandler):
    """The pages of a module with `urlpatterns` and a CONTENT_SECURITY_POLICY.

    `request.served` is what they are about, and `request.is_instructors` says whether the request
    is from this machine, or from who has opened the instructor's link. While only this machine is
    served, that is every request.
    """

    def __init__(self, module, served, host):
        super().__init__()
        self.module, self.served, self.host = module, served, host

    def get_response(self, request):
        request.urlconf = self.module.__name__
        request.served = self.served
        cookie = request.COOKIES.get("instructor", "")
        is_here = is_private(self.host) or is_private(request.META["REMOTE_ADDR"])
        request.is_instructors = is_here or secrets.compare_digest(cookie.encode(), TOKEN.encode())
        response = super().get_response(request)
        response["Content-Security-Policy"] = self.module.CONTENT_SECURITY_POLICY
        response["Cache-Control"] = "no-store"
        return response


class RefusalMiddleware:
    """Lets a view refuse a request by raising Refusal."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, exception):
        if isinstance(exception, Refusal):
            status, message = exception.args
            return JsonResponse({"error": message}, status=status)
        return None


def instructors_link(request):
    """Return the answer to the instructor's link, or None if the request's address is another.

    The token is kept in a cookie, and off the address bar, which the room may see. Lax, because
    the link may be clicked on a page of another site, such as the instructor's mail.
    """
    given = request.GET.get("instructor", "")
    if not secrets.compare_digest(given.encode(), TOKEN.encode()):
        return None
    response = HttpResponseRedirect("/")
    response.set_cookie("instructor", TOKEN, httponly=True, samesite="Lax")
    return response


def refuse_audience(request):
    """Raise Refusal when a room is served, and the request is not its instructor's."""
    if not request.is_instructors:
        raise Refusal(403, "only the instructor may do this")


def json_object(request, allowed):
    """Return the body's JSON object. Raises Refusal, which says what is allowed."""
    # No other website's form can send this type, and no script unless a server lets it.
    if request.content_type != "application/json":
        raise Refusal(415, "the Content-Type must be application/json")
    try:
        value = json.loads(request.body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Refusal(400, f"not a JSON object. Allowed are {allowed}")
    return value


@contextlib.contextmanager
def serve(listener, module, served, host):
    """Serve a module's pages for the length of the block, in threads of this process."""
    port = listener.getsockname()[1]
    settings.ALLOWED_HOSTS += filter(None, [*names(host), forwarded(port)])
    channels = {}
    server = create_server(
        Pages(module, served, host),
        map=channels,
        sockets=[listener],
        threads=8,
        # Who is slow holds no thread, only a connection, until it has said nothing for a minute.
        connection_limit=1000,
        channel_timeout=60,
        asyncore_use_poll=True,
        max_request_body_size=64_000,
        clear_untrusted_proxy_headers=True,
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.trigger.pull_trigger(lambda: wasyncore.close_all(channels))
        thread.join()
        server.task_dispatcher.shutdown()
