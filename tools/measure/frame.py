"""What all measurements share: a site and its visitors, waiting for the work, and the record."""

import json
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import requests
from rich.console import Console
from timing.sign_up import SLOW_WORK, under_way

from ..arguments import parse
from ..sites.addresses import POLL
from ..sites.processes import StartError, family, stop_in_order
from ..sites.site import running_site
from ..sites.visitor import SignUpRefused, Visitor
from ..standins.standins import Standins

SEED = 1  # of all that is random
LIMIT = 300  # seconds that anything may take
WORKERS = 2  # as in the settings of steps 4 and 5


def run_command(name, measure, arguments=None):
    """Run a command of this room, the function of its options and a console; return its status."""
    options = parse(name, arguments)
    stop_in_order()
    console = Console(highlight=False)
    try:
        measure(options, console)
    except (StartError, SignUpRefused, requests.RequestException) as error:
        words = f"{error}\nNothing was written."
        console.print(words, style="red", markup=False, soft_wrap=True)
        return 1
    return 0


def own_standins(**delays):
    """Return stand-ins on free ports, to be entered."""
    return Standins(http_port=0, smtp_port=0, **delays)


def wait_for(condition, problem, limit=LIMIT, pause=POLL):
    """Return the first true value of the condition; raise StartError after so many seconds."""
    deadline = time.monotonic() + limit
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise StartError(f"{problem} after {limit} s.")
        time.sleep(pause)
    return value


class Measured:
    """A site whose visitors sign up, and the records of its timing log so far, beginnings too."""

    def __init__(self, site):
        self.site, self.step, self.url = site, site.step, site.url
        self.timing_log, self.records = site.timing_log(), []

    def sign_up(self, username, picture):
        """Sign up. Raises SignUpRefused when no profile comes of it."""
        response = Visitor(self.url, username).sign_up(picture)
        if response.status_code != 302:
            raise SignUpRefused(f"{self.step.label} refused {username}: {response.status_code}.")

    def look(self):
        """Read what is new in the log, and return whether there is anything."""
        new = self.timing_log.new_records(with_begun=True)
        self.records += new
        return bool(new)

    def wait_until(self, condition, limit=LIMIT, pause=POLL):
        """Read the log until the condition is true; raise StartError after so many seconds."""

        def is_true():
            self.look()
            return condition()

        wait_for(is_true, f"{self.step.label}: work was not done", limit, pause)

    def wait(self, count, answers=()):
        """Return when all work of so many sign-ups is done. `answers`: futures of sign-ups.

        Raises what a sign-up raised, and SignUpRefused when work failed.
        """

        def is_done():
            for answer in answers:
                if answer.done():
                    answer.result()
            if errors := [record["error"] for record in self.records if record["error"]]:
                raise SignUpRefused(f"{self.step.label}: {errors[0]}.")
            return min(finished(self.records)) >= count

        self.wait_until(is_done)

    def wait_while_new(self, condition, patience):
        """Return whether the condition became true.

        False when the log has had nothing new for so many seconds.
        """
        since = time.monotonic()
        while not condition():
            if time.monotonic() - since > patience:
                return False
            time.sleep(POLL)
            if self.look():
                since = time.monotonic()
        return True

    def ended(self, event):
        return [record for record in self.records if record["event"] == event and record["end"]]

    @property
    def under_way(self):
        """The slow work that has begun and not ended."""
        return under_way(self.records)


@contextmanager
def measured(step, standins, **options):
    """Run a site for the length of the block, in a new folder; yield it Measured."""
    with (
        TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        running_site(step, standins, Path(folder, "var"), **options) as site,
    ):
        yield Measured(site)


def finished(records):
    """Return how many sign-ups, resizes and mails have ended."""
    counts = Counter(record["event"] for record in records if record["end"])
    return [counts[event] for event in ["sign-up", *SLOW_WORK]]


def cpu_seconds(*processes):
    """Return the processor time of processes and of their children so far."""
    times = [member.cpu_times() for process in processes for member in family(process)]
    return sum(t.user + t.system + t.children_user + t.children_system for t in times)


def to_keep(path, about, what):
    """Return what a record has of runs that were made before.

    Raises StartError if they can't stand beside runs on the machine that `about` tells of.
    """
    if not path.exists():
        return {}
    old = json.loads(path.read_text(encoding="utf-8"))
    kept = old.pop(what)
    if old != about:
        raise StartError(f"{path.name} is of another machine or other versions: make all anew.")
    return kept


def write(files, folder):
    """Put the texts into the folder, none of them before all are on the disk."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".recording-", dir=folder) as new:
        for name, text in files.items():
            Path(new, name).write_text(text, encoding="utf-8", newline="\n")
        for name in files:
            Path(new, name).replace(folder / name)
