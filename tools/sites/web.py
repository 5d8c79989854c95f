"""What the workshop's own small web servers share: the stand-ins' and the race's.

They speak HTTP to the people at this machine. Another website that is open in the same browser
can send them requests too, so they look at where a request comes from.
"""

import contextlib
import json
import os
import re
import secrets
import socket
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from django.template import Context, Engine

TOKEN = secrets.token_urlsafe(9)  # in the instructor's link, new each time
LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"
MAX_BODY_BYTES = 64_000  # of a request
POLL = 0.05  # seconds between two looks at whether to stop
TEMPLATES = Path(__file__).parent.parent / "templates"


def warning(host):
    """Return what to tell whoever serves the room, or "" while only this machine is served."""
    if is_private(host):
        return ""
    return (
        "Everyone in your network can now use these sites and read their mails: they are no place"
        " for real passwords. How the stand-ins fail is set by this machine alone, and by whoever"
        " has the instructor's link."
    )


def is_private(host):
    """Return whether a server that listens on `host` serves this machine alone."""
    return host.startswith("127.")


def reachable(host):
    """Return an address at which this machine reaches its own server that listens on `host`."""
    return LOOPBACK if host == EVERYWHERE else host


def printable(host):
    """Return the address to tell others for a server that listens on `host`."""
    if host != EVERYWHERE:
        return host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only chooses the way out
        except OSError:  # without a way out, as on a hotspot of one's own
            return next((a for a in addresses() if not a.startswith("127.")), LOOPBACK)
        return probe.getsockname()[0]


def addresses():
    """Return this machine's IPv4 addresses."""
    interfaces = psutil.net_if_addrs().values()
    return [a.address for found in interfaces for a in found if a.family == socket.AF_INET]


def forwarded(port):
    """Return the name under which a browser's editor (Codespaces) shows a port, None elsewhere."""
    name = os.environ.get("CODESPACE_NAME")
    domain = os.environ.get("GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN")
    return f"{name}-{port}.{domain}" if name and domain else None


def address(host, port):
    """Return the address at which a browser that calls us `host` reaches one of our ports."""
    return f"https://{forwarded(port)}" if forwarded(port) else f"http://{host}:{port}"


def names(host):
    """Return by which names, in lower case, a server that listens on `host` may be called."""
    names = ["localhost", LOOPBACK, "::1"]
    if host == EVERYWHERE:
        hostname = socket.gethostname().lower()
        return [*names, *addresses(), hostname, f"{hostname}.local"]
    return names if host in names else [*names, host.lower()]


def listen(host, port):
    """Return a listening socket; unlike the servers' own, it never shares a port on Windows."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=128)


class Server(socketserver.ThreadingTCPServer):
    """One daemon thread a connection, so that a request that hangs holds nobody up.

    `served` is what the handlers answer for.
    """

    daemon_threads = True

    def __init__(self, listener, handler, served, host):
        super().__init__(listener.getsockname(), handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.served = served
        self.names = names(host)
        if name := forwarded(self.server_address[1]):
            self.names.append(name)
        self.is_private = is_private(host)

    def handle_error(self, request, client_address):
        if not isinstance(sys.exception(), ConnectionError):  # a client may leave when it likes
            super().handle_error(request, client_address)


@contextlib.contextmanager
def serve(listener, handler, served, host):
    """Serve for the length of the block, in threads of this process."""
    with Server(listener, handler, served, host) as server:
        threading.Thread(target=server.serve_forever, args=(POLL,), daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


class Refusal(Exception):
    """A request that is answered with an error: HTTP status, message."""


class Handler(BaseHTTPRequestHandler):
    """Reads requests and writes answers. A subclass has `answer`, and `content_security_policy`."""

    timeout = 60  # seconds that a client may take to send its request

    def log_message(self, *args):
        pass

    def do_GET(self):
        try:
            path, _, query = self.path.partition("?")
            if secrets.compare_digest(query.encode(), f"instructor={TOKEN}".encode()):
                # Kept in a cookie, and off the address bar, which the room may see.
                headers = {"Set-Cookie": cookie_of("instructor", TOKEN), "Location": "/"}
                return self.reply(b"", "text/plain", status=303, headers=headers)
            self.answer(f"{self.command} {path}", self.read_body())
        except Refusal as refusal:
            status, message = refusal.args
            self.reply({"error": message}, status=status)

    do_POST = do_DELETE = do_GET

    def refuse_strangers(self):
        """Raise Refusal when the request is not from a page of this machine."""
        # A name that somebody else's DNS points at this machine gets nothing to read,
        if not self.is_local("//" + self.headers.get("Host", "")):
            raise Refusal(403, "the Host header must name this machine")
        # and another website, open in the same browser, changes nothing.
        if self.command != "GET" and not self.is_local(self.headers.get("Origin", "//localhost")):
            raise Refusal(403, "the Origin header must name this machine")

    def refuse_audience(self):
        """Raise Refusal when a room is served, and the request is not its instructor's."""
        if not self.is_instructors:
            raise Refusal(403, "only the instructor may do this")

    @property
    def is_instructors(self):
        """Whether the request is from this machine, or from who has opened the instructor's link.

        While only this machine is served, that is every request.
        """
        is_here = self.server.is_private or self.client_address[0].startswith("127.")
        return is_here or secrets.compare_digest(self.cookie("instructor"), TOKEN)

    def cookie(self, name):
        """Return a cookie's value, "" if there is none."""
        found = re.search(rf"(?:^|;) *{name}=([\w-]+)", self.headers.get("Cookie", ""), re.ASCII)
        return found[1] if found else ""

    def is_local(self, url):
        try:
            return urlsplit(url).hostname in self.server.names
        except ValueError:
            return False

    def read_body(self):
        """Return the body. Raises Refusal for a bad length or more than MAX_BODY_BYTES."""
        length = self.headers.get("Content-Length", "0")
        if not re.fullmatch("[0-9]{1,18}", length):
            raise Refusal(400, "the Content-Length must be a number")
        # Closing with bytes unread resets the connection: read more than is accepted, so that
        # the client sees why its body is refused.
        body = self.rfile.read(min(int(length), 16 * MAX_BODY_BYTES))
        if int(length) > MAX_BODY_BYTES:
            raise Refusal(413, f"at most {MAX_BODY_BYTES} bytes are accepted")
        return body

    def json_object(self, body, allowed):
        """Return the body's JSON object. Raises Refusal, which says what is allowed."""
        # No other website's form can send this type, and no script unless a server lets it.
        if self.headers.get_content_type() != "application/json":
            raise Refusal(415, "the Content-Type must be application/json")
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise Refusal(400, f"not a JSON object. Allowed are {allowed}")
        return value

    def reply(self, body, content_type="application/json", status=200, headers=()):
        """Answer with bytes as they are, or anything else as JSON."""
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Security-Policy", self.content_security_policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def cookie_of(name, value):
    return f"{name}={value}; Path=/; HttpOnly; SameSite=Strict"


def render(template, context):
    """Return a page as bytes."""
    template = Engine(dirs=[TEMPLATES]).get_template(template)
    # Without localisation, which asks for Django's settings. A mail may hold undecodable bytes.
    return template.render(Context(context, use_l10n=False)).encode(errors="replace")
