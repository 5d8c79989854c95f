"""A way to a server that can be cut, for the faults of a network."""

import socket
from contextlib import ExitStack, contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Event, Thread
from urllib.parse import urlsplit

from .sites.addresses import LOOPBACK


class Wire(ThreadingTCPServer):
    """Passes TCP connections on to an address, from `with` to the end of its block.

    While it is cut, nothing gets through and nobody is told: what was sent arrives when it is
    mended, as after a network's fault.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, host, port):
        super().__init__((LOOPBACK, 0), Connection)
        self.target, self.is_whole = (host, port), Event()
        self.mend()

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
        self.is_whole.clear()

    def mend(self):
        self.is_whole.set()


class Connection(BaseRequestHandler):
    """One connection, and the one to the server."""

    def handle(self):
        with suppress(OSError), socket.create_connection(self.server.target) as other:
            back = Thread(target=self.pass_on, args=(other, self.request), daemon=True)
            back.start()
            self.pass_on(self.request, other)
            back.join()

    def pass_on(self, source, target):
        with suppress(OSError):
            while data := source.recv(65536):
                self.server.is_whole.wait()
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)


@contextmanager
def wired(environment):
    """Yield wires to all servers that a process of step 5 knows, and its environment behind them.

    `environment` is what it has without them.
    """
    behind = dict(environment)
    wires = []
    with ExitStack() as stack:

        def wire(host, port):
            """Return the address of a new wire."""
            wires.append(stack.enter_context(Wire(host, port)))
            return wires[-1].address

        for name in ["DATABASE_URL", "HUEY_URL", "MEDIA_URL", "JOKE_API_URL"]:
            parts = urlsplit(environment[name])
            old, new = f"{parts.hostname}:{parts.port}", wire(parts.hostname, parts.port)
            behind[name] = environment[name].replace(old, new)
        mail = wire(environment["EMAIL_HOST"], environment["EMAIL_PORT"])
        behind["EMAIL_HOST"], behind["EMAIL_PORT"] = mail.split(":")
        yield wires, behind
