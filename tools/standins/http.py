"""The stand-ins over HTTP: the joke API, the inbox and the control."""

import os
import select
import socket
import struct
import time
from datetime import datetime

from ..sites.web import POLL, Handler, Refusal, render
from .state import ALLOWED, GARBAGE

MAX_MAILS_ON_PAGE = 100


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
                self.refuse_audience()
                standins.inbox.clear()
                self.reply({"count": 0, "mails": []})
            case "GET /control":
                self.reply(standins.settings)
            case "POST /control":
                self.refuse_audience()
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
            case "drip" | "flood" as failure:
                self.talk_on(standins, failure)
            case _:
                joke = standins.next_joke()
                if "application/json" in self.headers.get("Accept", ""):
                    self.reply(joke)
                else:
                    self.reply(joke["joke"].encode(), "text/plain; charset=utf-8")

    def talk_on(self, standins, failure):
        """Send an answer without an end, as JSON of no given length."""
        answer = b'HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{"joke": "'
        for part, seconds in standins.endless("joke", failure, answer):
            # A client that does not read would block a plain send for as long as it likes.
            _, writable, _ = select.select([], [self.connection], [], POLL)
            if writable:
                self.connection.send(part)
            self.sleep(seconds)

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
