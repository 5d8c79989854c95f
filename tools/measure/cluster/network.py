"""A network between a process and its servers that can be cut. On Linux alone."""

import ctypes
import socket
import struct
import sys
from contextlib import ExitStack, contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from urllib.parse import urlsplit

from ...sites.addresses import LOOPBACK

# A packet filter for Linux's socket option, whose one instruction drops every packet that arrives.
SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27
DROP_ALL = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
FILTER = struct.pack("HP", 1, ctypes.addressof(DROP_ALL))


def can_cut():
    """Return whether this process may filter packets: some systems let root alone."""
    if sys.platform != "linux":
        return False
    with socket.socket() as probe:
        try:
            probe.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, FILTER)
        except PermissionError:
            return False
    return True


class Cable(ThreadingTCPServer):
    """Passes TCP connections on to an address, from `with` to the end of its block.

    While it is cut, packets are dropped, and neither side is told. What was sent arrives when it
    is mended, because the senders try again, as after a fault of a real network.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, host, port):
        super().__init__((LOOPBACK, 0), Connection)
        self.target, self.connections = (host, port), set()

    def __enter__(self):
        Thread(target=self.serve_forever, args=(0.1,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.mend()
        self.shutdown()
        self.server_close()

    @property
    def address(self):
        return f"{LOOPBACK}:{self.server_address[1]}"

    def cut(self):
        self.set(SO_ATTACH_FILTER, FILTER)

    def mend(self):
        with suppress(FileNotFoundError):  # it was whole
            self.set(SO_DETACH_FILTER, 0)

    def set(self, option, value):
        for connection in [self.socket, *self.connections]:
            connection.setsockopt(socket.SOL_SOCKET, option, value)


class Connection(BaseRequestHandler):
    """One connection, and the one to the server."""

    def handle(self):
        with suppress(OSError), socket.create_connection(self.server.target) as other:
            ends = {self.request, other}
            self.server.connections |= ends
            try:
                back = Thread(target=self.pass_on, args=(other, self.request), daemon=True)
                back.start()
                self.pass_on(self.request, other)
                back.join()
            finally:
                self.server.connections -= ends

    def pass_on(self, source, target):
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)


@contextmanager
def cables(environment):
    """Yield cables to all servers that a process of step 5 knows, and its environment behind them.

    `environment` is what it has without them; the cables have the names of its variables.
    """
    found, behind = {}, dict(environment)
    with ExitStack() as stack:
        for name in ["DATABASE_URL", "HUEY_URL", "MEDIA_URL", "JOKE_API_URL"]:
            url = urlsplit(environment[name])
            found[name] = stack.enter_context(Cable(url.hostname, url.port))
            old = f"{url.hostname}:{url.port}"
            behind[name] = environment[name].replace(old, found[name].address)
        mail = Cable(environment["EMAIL_HOST"], environment["EMAIL_PORT"])
        found["EMAIL_HOST"] = stack.enter_context(mail)
        behind["EMAIL_HOST"], behind["EMAIL_PORT"] = mail.address.split(":")
        yield found, behind
