"""Stand-ins for the joke API and the mail server, so that the workshop needs no network.

`python -m tools.standins` serves three things over real sockets, in one process:

- a joke API at `/joke`, with the shape of https://icanhazdadjoke.com/;
- an SMTP server that keeps the latest mails in memory;
- an inbox: a page at `/`, the same as JSON at `/inbox.json`.

`/control` sets how slow they are and how they fail, while they run:

    curl -H "Content-Type: application/json" -d '{"joke_failure": "hang"}' localhost:8010/control
"""

import argparse
import asyncio
import contextlib
import email
import email.policy
import itertools
import json
import os
import select
import signal
import socket
import struct
import sys
import threading
import time
from datetime import datetime

from aiosmtpd.smtp import SMTP

from .web import (
    POLL,
    Handler,
    Refusal,
    add_host_option,
    listen,
    printable,
    reachable,
    render,
    serve,
    warning,
)

MAX_DELAY = 600  # seconds
FAILURES = {
    "joke_failure": (None, "500", "reset", "hang", "garbage"),
    "mail_failure": (None, "4xx", "5xx", "reset", "hang", "garbage"),
}
ALLOWED = f"joke_delay, mail_delay: seconds from 0 to {MAX_DELAY}; " + "; ".join(
    f"{name}: {', '.join(map(json.dumps, values))}" for name, values in FAILURES.items()
)
MAX_MAILS = 1000  # kept in memory
MAX_MAILS_ON_PAGE = 100
MAX_MAIL_BYTES = 4_000_000
DAY = 86_400  # seconds
GARBAGE = b"\x80\x81<html>Please sign in to use this network.</html>"
JOKES = (
    "My joke about the queue comes next, right after everybody else's.",
    "I asked the timeout how long it would stay. It would not say, and then it was gone.",
    "The worker asked for a break. We gave it one, and the loop ended.",
    "I sent my colleague a signal. It was synchronous, so I am still standing here.",
    "A thread told me it would only be a moment. It did not say whose.",
    "My diet has a retry: every Monday, with exponential back-off.",
    "The scheduler has not forgotten my birthday. Something keeps having a higher priority.",
    "The database would not commit, so we agreed to see other transactions.",
    "Our lock is a good host: one guest at a time, and everybody else admires the door.",
    "Two polite threads met at a door. They are still there.",
    "Why was the welcome mail late? The picture had to get into shape first.",
    "An idle worker is one task away from being busy, and one poll away from noticing.",
)


class Standins:
    """The stand-ins, serving from `with` to the end of its block, in threads of this process.

    Ports: 0 stands for a free one. Delays: seconds. `inbox` holds the mails as `/inbox.json`
    shows them, oldest first. Raises ValueError for a bad delay and, on entering the block,
    OSError or OverflowError for an address that can't be listened on.
    """

    def __init__(
        self, host="127.0.0.1", http_port=8010, smtp_port=8025, joke_delay=0.2, mail_delay=0.3
    ):
        self.host, self.http_port, self.smtp_port = host, http_port, smtp_port
        self.smtp_host = reachable(host)
        self.inbox = []
        self.settings = dict.fromkeys(FAILURES)
        self._stopping = threading.Event()
        self._jokes = itertools.cycle(enumerate(JOKES, start=1))
        self._lock = threading.Lock()
        self.control(joke_delay=joke_delay, mail_delay=mail_delay)

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            http_listener = stack.enter_context(listen(self.host, self.http_port))
            smtp_listener = stack.enter_context(listen(self.host, self.smtp_port))
            self.http_port = http_listener.getsockname()[1]
            self.smtp_port = smtp_listener.getsockname()[1]
            host = f"[{self.host}]" if ":" in self.host else self.host
            self.http_url = f"http://{reachable(host)}:{self.http_port}"
            self.inbox_url = f"http://{printable(host)}:{self.http_port}/"
            self.joke_url = f"{self.http_url}/joke"
            stack.enter_context(serve(http_listener, HttpHandler, self, self.host))
            stack.callback(self._stopping.set)  # mails that wait are cancelled before that
            stack.enter_context(serve_smtp(self, smtp_listener))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc_info):
        self._stack.close()

    def control(self, /, **changes):
        """Change any of the settings, for waiting requests too; return all of them.

        Raises ValueError, which says what is allowed, and then changes nothing.
        """
        for name, value in changes.items():
            if name in ("joke_delay", "mail_delay"):  # a bool is an int, hence type()
                valid = type(value) in (int, float) and 0 <= value <= MAX_DELAY
            else:
                valid = value in FAILURES.get(name, ())
            if not valid:
                raise ValueError(f"bad {name}. Allowed are {ALLOWED}")
        with self._lock:
            self.settings = self.settings | changes
            return self.settings

    def pauses(self, kind):
        """Yield seconds to sleep, again and again, until a "joke" or "mail" may be answered.

        Polling, because it serves threads and coroutines alike. Raises ConnectionAbortedError
        once the stand-ins stop.
        """
        arrived = time.monotonic()
        while not self._stopping.is_set():
            left = arrived + self.settings[f"{kind}_delay"] - time.monotonic()
            if self.settings[f"{kind}_failure"] == "hang":
                yield POLL
            elif left > 0:
                yield min(left, POLL)
            else:
                return
        raise ConnectionAbortedError("the stand-ins are stopping")

    def next_joke(self):
        """Return the next joke as the joke API's JSON object."""
        with self._lock:
            number, joke = next(self._jokes)
        return {"id": f"offline{number:02}", "joke": joke, "status": 200}

    def deliver(self, mail):
        """Put a mail into the inbox, from which the oldest goes when there are too many."""
        with self._lock:
            self.inbox.append(mail)
            del self.inbox[:-MAX_MAILS]


def reset_on_close(sock):
    """Make closing the socket send RST, as a crashed peer or a firewall would, not FIN."""
    layout = "hh" if os.name == "nt" else "ii"  # struct linger has short fields on Windows
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(layout, 1, 0))


class HttpHandler(Handler):
    # A mail's HTML part inherits this policy: its inline styles work, nothing is fetched.
    content_security_policy = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )

    def answer(self, request, body):
        standins = self.server.served
        if request == "GET /joke":
            return self.answer_joke(standins)
        self.refuse_strangers()
        match request:
            case "GET /":
                self.reply(render_inbox(standins), "text/html; charset=utf-8")
            case "GET /inbox.json":
                mails = list(standins.inbox)
                self.reply({"count": len(mails), "mails": mails})
            case "DELETE /inbox.json":
                standins.inbox.clear()
                self.reply({"count": 0, "mails": []})
            case "GET /control":
                self.reply(standins.settings)
            case "POST /control":
                self.reply(control(standins, self.json_object(body, ALLOWED)))
            case _:
                raise Refusal(404, f"there is no {request}")

    def answer_joke(self, standins):
        for seconds in standins.pauses("joke"):
            self.sleep(seconds)
        match standins.settings["joke_failure"]:
            case "500":
                self.reply(b"Internal Server Error", "text/plain", status=500)
            case "garbage":
                self.reply(GARBAGE)
            case "reset":
                reset_on_close(self.connection)
                self.connection.close()
            case _:
                joke = standins.next_joke()
                if "application/json" in self.headers.get("Accept", ""):
                    self.reply(joke)
                else:
                    self.reply(joke["joke"].encode(), "text/plain; charset=utf-8")

    def sleep(self, seconds):
        """Sleep. Raises ConnectionAbortedError when the client has gone."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        if readable and not self.connection.recv(1, socket.MSG_PEEK):
            raise ConnectionAbortedError("the client has gone")
        time.sleep(seconds)


def control(standins, changes):
    """Change the settings as a request wants it; return all of them, or raise Refusal."""
    try:
        return standins.control(**changes)
    except ValueError as error:
        raise Refusal(400, str(error)) from error


def render_inbox(standins):
    """Return the inbox page, newest mail first, as bytes."""
    mails = list(standins.inbox)
    shown = [
        mail | {"time": datetime.fromtimestamp(mail["received_at"]).isoformat(" ", "seconds")}
        for mail in reversed(mails[-MAX_MAILS_ON_PAGE:])
    ]
    context = {"mails": shown, "count": len(mails), "settings": standins.settings}
    return render("inbox.html", context)


@contextlib.contextmanager
def serve_smtp(standins, listener):
    def session():
        return SMTP(
            MailHandler(standins),
            hostname="standins.localhost",  # without one, it asks DNS each time
            enable_SMTPUTF8=True,
            data_size_limit=MAX_MAIL_BYTES,
            timeout=DAY,  # a hang may last
        )

    async def serve():
        server = await loop.create_server(session, sock=listener)
        await stop.wait()
        server.close()

    def run():
        with runner:  # leaving it cancels the sessions
            runner.run(serve())

    # Windows' default loop would take leave of the client before a reset.
    runner = asyncio.Runner(loop_factory=asyncio.SelectorEventLoop)
    loop, stop = runner.get_loop(), asyncio.Event()
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


class MailHandler:
    """Decides on a mail once it is there in full, which is where a server takes or refuses it."""

    def __init__(self, standins):
        self.standins = standins

    async def handle_DATA(self, server, session, envelope):
        # When the client leaves, aiosmtpd cancels this, and the mail is not delivered.
        for seconds in self.standins.pauses("mail"):
            await asyncio.sleep(seconds)
        match self.standins.settings["mail_failure"]:
            case "4xx":
                return "451 4.3.0 Try again later"
            case "5xx":
                return "554 5.3.0 The mail server is out of order"
            case "garbage":
                return GARBAGE
            case "reset":
                reset_on_close(server.transport.get_extra_info("socket"))
                server.transport.abort()
                await asyncio.Event().wait()  # until the lost connection cancels this
        self.standins.deliver(read_mail(envelope))
        return "250 2.0.0 Taken"


def read_mail(envelope):
    """Return a received mail as the JSON object of the inbox.

    "to" is whom the server was told to send it to, whatever the mail's headers say.
    "received_at" is in seconds since 1970. "text" and "html" are the first such parts, or "".
    """
    mail = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "subject": "", "message_id": ""}
    mail |= {"received_at": time.time(), "text": "", "html": ""}
    try:
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        seen = {
            "from": str(message["From"] or envelope.mail_from),
            "subject": str(message["Subject"] or ""),
            "message_id": str(message["Message-ID"] or ""),
        }
        for key, kind in ("text", "plain"), ("html", "html"):
            if (part := message.get_body((kind,))) is not None:
                seen[key] = part.get_content().replace("\r\n", "\n")
    except Exception:  # malformed mail raises nearly anything in the parser: show the source
        seen = {"text": envelope.content.decode(errors="replace")}
    return mail | seen


def main(argv=None):
    """Serve until Ctrl-C or SIGTERM; exit with one line when the arguments can't be served."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.standins",
        description="A joke API, a mail server and its inbox.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add_host_option(parser)
    parser.add_argument("--http-port", type=int, default=8010, help="0: a free one")
    parser.add_argument("--smtp-port", type=int, default=8025, help="0: a free one")
    parser.add_argument("--joke-delay", type=float, default=0.2, help="seconds")
    parser.add_argument("--mail-delay", type=float, default=0.3, help="seconds")
    arguments = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Standins(**vars(arguments)) as standins:
            print(f"joke API  {standins.joke_url}", flush=True)
            print(f"inbox     {standins.inbox_url}", flush=True)
            print(f"control   {standins.inbox_url}control", flush=True)
            print(f"SMTP      {standins.smtp_host}:{standins.smtp_port}", flush=True)
            if words := warning(standins.host):
                print(words, flush=True)
            while True:
                time.sleep(DAY)
    except KeyboardInterrupt:
        pass
    except (OSError, OverflowError, ValueError) as error:
        sys.exit(f"standins: {error}")


if __name__ == "__main__":
    main()
