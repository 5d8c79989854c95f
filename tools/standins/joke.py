"""The stand-in joke API: an HTTP server that can also break off, drip and flood."""

import contextlib
import json
import os
import select
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ..sites.addresses import POLL
from .state import GARBAGE


class Handler(BaseHTTPRequestHandler):
    timeout = 60  # seconds that a client may take to send its request

    def log_message(self, *args):
        pass

    def do_GET(self):
        if self.path != "/joke":
            return self.send_error(404)
        standins = self.server.standins
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

    def reply(self, body, content_type="application/json", status=200):
        """Answer with bytes as they are, or anything else as JSON."""
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """One daemon thread a connection, so that a request that hangs holds nobody up."""

    daemon_threads = True

    def __init__(self, listener, standins):
        super().__init__(listener.getsockname(), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket, self.standins = listener, standins

    def handle_error(self, request, client_address):
        pass  # a client may leave when it likes


@contextlib.contextmanager
def serve_jokes(standins, listener):
    """Serve for the length of the block, in threads of this process."""
    with Server(listener, standins) as server:
        threading.Thread(target=server.serve_forever, args=(POLL,), daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


def reset_on_close(sock):
    """Make closing the socket send RST, as a crashed peer or a firewall would, not FIN."""
    layout = "hh" if os.name == "nt" else "ii"  # struct linger has short fields on Windows
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(layout, 1, 0))
