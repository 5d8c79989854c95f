"""The stand-ins, all of them together."""

import contextlib

from ..sites.processes import check_port_is_free
from ..sites.web import LOOPBACK, address, listen, printable, reachable, serve
from .http import HttpHandler
from .smtp import serve_smtp
from .state import State


class Standins(State):
    """The stand-ins, serving from `with` to the end of its block, in threads of this process.

    Ports: 0 stands for a free one. Delays: seconds. `inbox` holds the mails as `/inbox.json`
    shows them, oldest first. Raises ValueError for a bad delay and, on entering the block,
    OSError or OverflowError for an address that can't be listened on.
    """

    def __init__(
        self, host="127.0.0.1", http_port=8010, smtp_port=8025, joke_delay=0.2, mail_delay=0.3
    ):
        super().__init__(joke_delay, mail_delay)
        self.host, self.http_port, self.smtp_port = host, http_port, smtp_port
        self.smtp_host = reachable(host)

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            http_listener = stack.enter_context(listen(self.host, self.http_port))
            smtp_listener = stack.enter_context(listen(self.host, self.smtp_port))
            self.http_port = http_listener.getsockname()[1]
            self.smtp_port = smtp_listener.getsockname()[1]
            host = f"[{self.host}]" if ":" in self.host else self.host
            self.http_url = f"http://{reachable(host)}:{self.http_port}"
            self.inbox_url = f"{address(printable(host), self.http_port)}/"
            self.joke_url = f"{self.http_url}/joke"
            stack.enter_context(serve(http_listener, HttpHandler, self, self.host))
            stack.callback(self.stopping.set)  # mails that wait are cancelled before that
            stack.enter_context(serve_smtp(self, smtp_listener))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc_info):
        self._stack.close()


def start_standins(base_port, host=LOOPBACK):
    """Return the stand-ins, to be entered; raise StartError when their ports are in use."""
    http_port, smtp_port = base_port + 10, base_port + 25
    for port in [http_port, smtp_port]:
        check_port_is_free(host, port)
    return Standins(host, http_port=http_port, smtp_port=smtp_port)
