"""Ports for sites that run side by side, as in several tests or two checkouts."""

import os
import socket
from contextlib import contextmanager
from itertools import cycle, islice
from threading import Lock

from .processes import port_problem

PORTS = 39  # in a block, and one more that is its lock
# Below the ports that systems give to outgoing connections: 32768 and above on Linux, 49152 and
# above elsewhere. So between "this port is free" and its use, no connection takes it.
BLOCKS = range(10_000, 32_000, PORTS + 1)


@contextmanager
def reserved_ports():
    """Reserve 39 ports in a row for the length of the block, and yield the first.

    Who has bound the port after them has the block: the system gives it to one process alone, and
    takes it back when that process ends, however it ends.
    """
    start = os.getpid() % len(BLOCKS)
    for first in [*BLOCKS[start:], *BLOCKS[:start]]:
        with socket.socket() as lock:
            try:
                lock.bind(("127.0.0.1", first + PORTS))
            except OSError:
                continue
            if all(is_free(port) for port in range(first, first + PORTS)):
                yield first
                return
    raise OSError("All ports from 10000 to 32000 are in use.")


def is_free(port):
    """Return whether a server could listen on the port now."""
    return not port_problem("127.0.0.1", port)


def own_ports():
    """Yield this process's ports, again and again."""
    with reserved_ports() as first:
        yield from cycle(range(first, first + PORTS))


ports, ports_lock = own_ports(), Lock()


def free_port():
    """Return a port that nothing listens on, and that no other process is given by this."""
    with ports_lock:
        for port in islice(ports, PORTS):
            if is_free(port):
                return port
    raise OSError("All ports of this process are in use.")
