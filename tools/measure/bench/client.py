"""Visitors who sign up at the same moment, on a client's clock.

The requests are made beforehand, and each is sent over a connection of its own: of the processor
time that the site needs, the client takes as little as it can.
"""

import asyncio
import time
from dataclasses import dataclass

import requests

from ...sites.visitor import PASSWORD, Visitor

LIMIT = 120  # seconds that an answer may take


@dataclass
class Answer:
    """`seconds` from before the connection until the whole answer is here; status 0: none came."""

    seconds: float
    status: int

    @property
    def is_profile(self):
        """Whether the visitor has signed up, and is sent to the profile page."""
        return self.status == 302


def sign_up_requests(url, usernames, picture=None):
    """Return a sign-up's whole request for each name, as bytes. The form is fetched once."""
    visitor = Visitor(url, "")
    token = visitor.token("/signup/")
    return [request(visitor, name, token, picture) for name in usernames]


def request(visitor, username, token, picture):
    data = {"username": username, "email": f"{username}@example.com", "csrfmiddlewaretoken": token}
    data |= {"password1": PASSWORD, "password2": PASSWORD}
    made = requests.Request(
        "POST",
        f"{visitor.url}/signup/",
        data=data,
        files={"picture": ("me.jpg", picture)} if picture else None,
        cookies=visitor.session.cookies,
        headers={"Host": visitor.url.removeprefix("http://"), "Connection": "close"},
    ).prepare()
    head = "".join(f"{name}: {value}\r\n" for name, value in made.headers.items())
    body = made.body.encode() if isinstance(made.body, str) else made.body
    return f"POST {made.path_url} HTTP/1.1\r\n{head}\r\n".encode() + body


def send_at_once(url, messages):
    """Return the Answers to requests that are sent at the same moment."""
    host, port = url.removeprefix("http://").split(":")

    async def send_all():
        return await asyncio.gather(*(send(host, int(port), message) for message in messages))

    return asyncio.run(send_all())


async def send(host, port, message):
    start = time.perf_counter()
    try:
        async with asyncio.timeout(LIMIT):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(message)
            answer = await reader.read()
            writer.close()
        status = int(answer.split(maxsplit=2)[1])
    except (OSError, IndexError):  # TimeoutError is an OSError
        status = 0
    return Answer(time.perf_counter() - start, status)
