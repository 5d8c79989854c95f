"""By which addresses and names this machine's servers are reached."""

import os
import socket

import psutil

LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"
POLL = 0.05  # seconds between two looks at whether to stop
# Interfaces that lead to no room: of containers and virtual machines on this machine.
VIRTUAL = ("docker", "br-", "veth", "virbr", "vEthernet", "vmnet", "vboxnet")


def warning(host):
    """Return a warning for the host of the room, or "" while only this machine is served."""
    if is_private(host):
        return ""
    return (
        "Everyone in your network can now use these sites and read their mails. Don't use real"
        " passwords. Only this machine and the instructor's link can make the stand-ins fail. If"
        " this machine joins another network, start this again, because the sites answer only to"
        " the addresses that it has now."
    )


def is_private(host):
    """Return whether a server that listens on `host` serves this machine alone."""
    return host.startswith("127.")


def reachable(host):
    """Return an address at which this machine reaches its own server that listens on `host`."""
    return LOOPBACK if host == EVERYWHERE else host


def printable(host):
    """Return the likeliest address to tell others for a server that listens on `host`."""
    return all_printable(host)[0]


def all_printable(host):
    """Return all such addresses; without a network of any kind, this machine's own alone."""
    if host != EVERYWHERE:
        return [host]
    found = [
        address
        for name, address in interfaces()
        if not name.startswith(VIRTUAL) and not is_private(address)
    ]
    return sorted(found, key=lambda address: address != way_out()) or [LOOPBACK]


def way_out():
    """Return the address from which this machine reaches others far away; None without a way."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only chooses the way out
        except OSError:
            return None
        return probe.getsockname()[0]


def interfaces():
    """Return the name and the IPv4 address of each of this machine's interfaces."""
    return [
        (name, found.address)
        for name, addresses in psutil.net_if_addrs().items()
        for found in addresses
        if found.family == socket.AF_INET
    ]


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
    names = ["localhost", LOOPBACK, "[::1]"]
    if host == EVERYWHERE:  # runserver prints it as a link, which leads to this machine
        hostname = socket.gethostname().lower()
        found = [address for _, address in interfaces()]
        return [*names, EVERYWHERE, *found, hostname, f"{hostname}.local"]
    return names if host in names else [*names, host.lower()]


def listen(host, port):
    """Return a listening socket; unlike the servers' own, it never shares a port on Windows."""
    return socket.create_server((host, port), backlog=128)
