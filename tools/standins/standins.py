"""The stand-ins, all of them together."""

import contextlib

from ..sites.addresses import LOOPBACK, address, listen, printable, reachable
from ..sites.processes import check_port_is_free
from ..sites.web import serve
from . import pages
from .joke import serve_jokes
from .smtp import serve_smtp
from .state import State


class Standins(State):
    """The stand-ins, serving from `with` to the end of its block, in threads of this process.

    Ports: 0 stands for a free one; the joke API has the one after the pages'. Delays: seconds.
    `inbox` holds the mails as `/inbox.json` shows them, oldest first. Only the pages listen on
    `host`: the joke API and the mail server are for the sites of this machine. Raises ValueError
    for a bad delay and, on entering the block, OSError or OverflowError for an address that can't
    be listened on.
    """

    def __init__(
        self,
        host=LOOPBACK,
        http_port=8010,
        smtp_port=8025,
        joke_delay=0.2,
        mail_delay=0.3,
        joke_port=None,  # the one after http_port
    ):
        super().__init__(joke_delay, mail_delay)
        self.host, self.http_port, self.smtp_port = host, http_port, smtp_port
        self.smtp_host = LOOPBACK
        self.joke_port = (http_port and http_port + 1) if joke_port is None else joke_port

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            listeners = [
                stack.enter_context(listen(host, port))
                for host, port in [
                    (self.host, self.http_port),
                    (LOOPBACK, self.joke_port),
                    (LOOPBACK, self.smtp_port),
                ]
            ]
            ports = [listener.getsockname()[1] for listener in listeners]
            self.http_port, self.joke_port, self.smtp_port = ports
            self.http_url = f"http://{reachable(self.host)}:{self.http_port}"
            self.inbox_url = f"{address(printable(self.host), self.http_port)}/"
            self.joke_url = f"http://{LOOPBACK}:{self.joke_port}/joke"
            stack.enter_context(serve(listeners[0], pages, self, self.host))
            stack.enter_context(serve_jokes(self, listeners[1]))
            stack.callback(self.stopping.set)  # mails that wait are cancelled before that
            stack.enter_context(serve_smtp(self, listeners[2]))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc_info):
        self._stack.close()


def start_standins(base_port, host=LOOPBACK):
    """Return the stand-ins, to be entered; raise StartError when their ports are in use."""
    standins = Standins(host, http_port=base_port + 10, smtp_port=base_port + 25)
    check_port_is_free(host, standins.http_port)
    for port in [standins.joke_port, standins.smtp_port]:
        check_port_is_free(LOOPBACK, port)
    return standins
