"""Stop each step's processes with work under way, start them again, and count what was lost."""

import argparse
import json
import os
import signal
import sqlite3
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import requests
from rich.console import Console
from rich.progress import track

from .machine import machine_and_versions
from .standins import Standins
from .steps import STEPS, StartError, consumer, free_port, migrate, server, step_environment
from .visitor import Visitor, make_picture

HOST = "127.0.0.1"
SLOW_SECONDS = 4  # for the joke and for the resize, so that none ends before all users are saved
LIMIT = 300  # seconds until all users are saved, and until all processes have ended
SETTLED = {False: 5, True: 90}  # seconds without change, without and with a consumer's repair

# What a person calls it, and the signal.
WAYS = {"Ctrl-C": "SIGINT", "SIGTERM": "SIGTERM", "SIGKILL": "SIGKILL"}


def main(arguments=None):
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="workshop.py losses", description=__doc__)
    parser.add_argument("--signups", type=int, default=48, metavar="N", help="each time (48)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args(arguments)
    # A shell ignores Ctrl-C for what it runs in the background, and for all that this starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(143)
    )  # stops what was started, as Ctrl-C does
    console = Console(highlight=False)
    if os.name != "posix":
        console.print("This command sends POSIX signals, which Windows does not have.")
        return 1
    runs = [(step, way) for step in STEPS for way in WAYS]
    results = {step.name: {} for step in STEPS}
    try:
        for step, way in track(runs, "Stopping servers with work under way", console=console):
            results[step.name][way] = measure(step, way, options.signups)
            console.print(f"{step.name}, {way}: lost {results[step.name][way]}")
    except StartError as error:
        console.print(f"[red]{error}[/red]")
        return 1
    except KeyboardInterrupt:
        return 130
    if options.json:
        record = {"signups": options.signups, "lost": results} | machine_and_versions()
        options.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return 0


def measure(step, way, count):
    """Return how many mails and thumbnails of `count` sign-ups never came, or came twice."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True)))
        threads = stack.enter_context(ThreadPoolExecutor(count))
        standins = stack.enter_context(Standins(http_port=0, smtp_port=0, joke_delay=SLOW_SECONDS))
        environment = step_environment(step, standins, folder / "var")
        environment |= {"SIMULATED_RESIZE_SECONDS": str(SLOW_SECONDS), "LEASE_SECONDS": "10"}
        migrate(step, environment)
        with started(step, environment, folder) as url:
            for number in range(count):
                threads.submit(sign_up, url, f"ada-{number}")
            wait_for(lambda: counts(folder)["users"] == count)
            processes = psutil.Process().children(recursive=True)
            for process in processes:
                process.send_signal(getattr(signal, WAYS[way]))
            wait_for(lambda: all(map(has_ended, processes)))
        standins.control(joke_delay=0, mail_delay=0)
        environment["SIMULATED_RESIZE_SECONDS"] = "0"
        with started(step, environment, folder):
            wait_until_settled(lambda: counts(folder), SETTLED[step.has_consumer])
        recipients = [mail["to"][0] for mail in standins.inbox]
        return {
            "mails_lost": count - len(set(recipients)),
            "mails_sent_twice": len(recipients) - len(set(recipients)),
            "thumbnails_lost": count - counts(folder)["thumbnails"],
        }


@contextmanager
def started(step, environment, folder):
    """Run the step's site, and its consumer if it has one, for the length of the block."""
    with ExitStack() as stack:
        if step.has_consumer:
            stack.enter_context(consumer(step, environment, folder / "consumer"))
        yield stack.enter_context(server(step, environment, HOST, free_port(), folder / "server"))


def sign_up(url, username):
    """Sign up; what the answer is does not matter, because the server is stopped meanwhile."""
    with suppress(requests.RequestException, ValueError):
        Visitor(url, username).sign_up(make_picture((400, 300)))


def counts(folder):
    """Return how many users, sent mails and thumbnails the step's database knows of."""
    with closing(sqlite3.connect(folder / "var" / "db.sqlite3")) as database:
        query = """
            SELECT count(*) AS users, count(welcome_sent_at) AS mails,
                   count(nullif(thumbnail, '')) AS thumbnails
            FROM accounts_profile"""
        database.row_factory = sqlite3.Row
        return dict(database.execute(query).fetchone())


def has_ended(process):
    try:
        return process.status() == psutil.STATUS_ZOMBIE  # until its parent asks how it ended
    except psutil.NoSuchProcess:
        return True


def wait_for(condition):
    deadline = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > deadline:
            raise StartError(f"The users were not saved, or the servers not stopped, in {LIMIT} s.")
        time.sleep(0.05)


def wait_until_settled(look, seconds):
    """Return when all is done, or nothing has changed for so many seconds."""
    seen, since = look(), time.monotonic()
    while len(set(seen.values())) > 1 and time.monotonic() - since < seconds:
        time.sleep(0.2)
        if (now := look()) != seen:
            seen, since = now, time.monotonic()


if __name__ == "__main__":
    sys.exit(main())
