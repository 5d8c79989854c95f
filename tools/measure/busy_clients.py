"""Keep a site busy: `-m tools.measure.busy_clients URL CLIENTS` requests it again and again.

Each client has a connection that stays open, and sends its next request when it has the answer.
They run in a process of their own and ask for the page's head alone, for which the site does the
whole work of the page: so they take hardly any of the machine away from it.
"""

import asyncio
import sys
from urllib.parse import urlsplit

READY = "The clients are at it."


def main(arguments):
    """Run until the process is stopped, or a client has failed."""
    url, clients = arguments
    asyncio.run(keep_busy(url, int(clients)))


async def keep_busy(url, clients):
    """Run so many clients; the first that fails ends all of them."""
    address = urlsplit(url)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(clients):
            connection = await asyncio.open_connection(address.hostname, address.port)
            tasks.create_task(request_again_and_again(url, *connection))
        print(READY, flush=True)


async def request_again_and_again(url, reader, writer):
    """Request until cancelled. Raises ValueError or EOFError when an answer is not a page."""
    address = urlsplit(url)
    request = f"HEAD {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode()
    while True:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise ValueError(f"{url} answered {head.splitlines()[0]!r}")


if __name__ == "__main__":
    main(sys.argv[1:])
