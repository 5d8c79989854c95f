"""Stop each step's processes with work under way, start them again, and count what was lost."""

import json
import signal
import sqlite3
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing, suppress
from threading import Event, Lock

import requests
from rich.progress import track

from ..sites.catalogue import STEPS
from ..sites.machine import machine_and_versions
from ..sites.processes import family, has_ended
from ..sites.visitor import Visitor, make_picture
from .frame import WORKERS, measured, own_standins, run_command, wait_for

SIDE_BY_SIDE = 4  # runs; most of a run is waiting
PICTURE_SIZE = (400, 300)  # pixels
SLOW_SECONDS = 4  # for the joke and for the resize, so that none ends before all users are saved
MAIL_SECONDS = 0.3
FIRST_LEASE_SECONDS = 8  # longer than a joke and its mail
SECOND_LEASE_SECONDS = 2  # nothing is slow any more
SETTLED_SECONDS = 4  # without change
# What a person calls it, and the signal.
WAYS = {"Ctrl-C": "SIGINT", "SIGTERM": "SIGTERM", "SIGKILL": "SIGKILL"}


class Stopped(Exception):
    """The command is stopping; what is under way ends."""


def main(arguments=None):
    """Run the command; return its exit status."""
    return run_command("losses", losses, arguments)


def losses(options, console):
    """Measure all steps, and write the record if the options ask for it."""
    record = {"signups": options.signups, "runs": options.runs, "settings": settings()}
    record |= {"lost": measure_all(options, console)} | machine_and_versions()
    if options.json:
        options.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def settings():
    """Return under what settings the losses are measured, in seconds and pixels."""
    return {
        "joke_delay": SLOW_SECONDS,
        "mail_delay": MAIL_SECONDS,
        "simulated_resize_seconds": SLOW_SECONDS,
        "workers": WORKERS,
        "lease_seconds": FIRST_LEASE_SECONDS,
        "lease_seconds_after_the_restart": SECOND_LEASE_SECONDS,
        "picture": {"format": "jpeg", "size": PICTURE_SIZE},
    }


def measure_all(options, console):
    """Return what each run lost: {step's name: {way: [a result for each run]}}."""
    cells = [(step, way) for step in STEPS for way in WAYS] * options.runs
    stopping, turn = Event(), Lock()
    lost = {step.name: {way: [] for way in WAYS} for step in STEPS}
    with ThreadPoolExecutor(SIDE_BY_SIDE) as threads:
        cell_of = {
            threads.submit(measure, *cell, options.signups, turn, stopping): cell for cell in cells
        }
        words = "Stopping servers with work under way"
        try:
            for run in track(as_completed(cell_of), words, len(cells), console=console):
                step, way = cell_of[run]
                lost[step.name][way].append(run.result())
                console.print(f"{step.name}, {way}: {run.result()}", soft_wrap=True)
        finally:
            stopping.set()
            threads.shutdown(cancel_futures=True)
    return lost


def measure(step, way, count, turn=None, stopping=None):
    """Return how many mails and thumbnails of `count` sign-ups never came, or came twice.

    Of several such runs at once, only the one whose `turn` it is lets visitors sign up, so that
    none is slowed down while its processes are about to be stopped. Raises Stopped when the event
    `stopping` is set.
    """
    turn, stopping = turn or Lock(), stopping or Event()
    picture = make_picture(PICTURE_SIZE)
    slow = {"SIMULATED_RESIZE_SECONDS": SLOW_SECONDS, "OUTBOX_LEASE_SECONDS": FIRST_LEASE_SECONDS}
    quick = {"SIMULATED_RESIZE_SECONDS": "0", "OUTBOX_LEASE_SECONDS": str(SECOND_LEASE_SECONDS)}
    with (
        ThreadPoolExecutor(count) as threads,
        own_standins(joke_delay=SLOW_SECONDS, mail_delay=MAIL_SECONDS) as standins,
        measured(step, standins, workers=WORKERS, **slow) as measured_site,
    ):
        site = measured_site.site
        busy = WORKERS if step.has_consumer else 1  # pieces of work at once, at least

        def work_has_begun():
            check(stopping)
            pages = len(measured_site.ended("sign-up"))
            all_are_in = pages == count if step.has_consumer else True  # and so in the queue
            is_saved = counts(site.var_dir)["users"] == count
            return all_are_in and is_saved and len(measured_site.under_way) >= busy

        def all_have_ended():
            check(stopping)
            return all(map(has_ended, processes))

        processes = [*family(site.server), *(family(site.consumer) if site.consumer else [])]
        with turn:
            for number in range(count):
                threads.submit(sign_up, site.url, f"ada-{number}", picture)
            measured_site.wait_until(work_has_begun)
            for process in processes:
                process.send_signal(getattr(signal, WAYS[way]))
        wait_for(all_have_ended, f"{step.label}: the servers did not end")
        standins.control(joke_delay=0, mail_delay=0)
        for process in processes:
            process.wait()
        site.environment |= quick
        site.start_server()
        if step.has_consumer:
            site.start_consumer()
        patience = SETTLED_SECONDS + (1.5 * FIRST_LEASE_SECONDS if step.has_outbox else 0)
        wait_until_settled(lambda: counts(site.var_dir), patience, stopping)
        site.stop()
        recipients = [mail["to"][0] for mail in standins.inbox]
        return {
            "mails_lost": count - len(set(recipients)),
            "mails_sent_twice": len(recipients) - len(set(recipients)),
            "thumbnails_lost": count - counts(site.var_dir)["thumbnails"],
        }


def sign_up(url, username, picture):
    """Sign up; what the answer is does not matter, because the server is stopped meanwhile."""
    with suppress(requests.RequestException, ValueError):
        Visitor(url, username).sign_up(picture)


def counts(var_dir):
    """Return how many users, sent mails and thumbnails the step's database knows of."""
    with closing(sqlite3.connect(var_dir / "db.sqlite3")) as database:
        query = """
            SELECT count(*) AS users, count(welcome_sent_at) AS mails,
                   count(nullif(thumbnail, '')) AS thumbnails
            FROM accounts_profile"""
        database.row_factory = sqlite3.Row
        return dict(database.execute(query).fetchone())


def check(stopping):
    if stopping.is_set():
        raise Stopped


def wait_until_settled(look, seconds, stopping):
    """Return when all is done, or nothing has changed for so many seconds."""
    seen, since = look(), time.monotonic()
    while len(set(seen.values())) > 1 and time.monotonic() - since < seconds:
        check(stopping)
        time.sleep(0.2)
        if (now := look()) != seen:
            seen, since = now, time.monotonic()


if __name__ == "__main__":
    sys.exit(main())
