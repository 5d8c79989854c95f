"""What the recorded runs share: a step that runs for one of them, and what is kept of it."""

import json
import sys
import time
from collections import Counter
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from rich.progress import track
from timing.sign_up import SLOW_WORK

from ..sites.addresses import POLL
from ..sites.catalogue import ROOT
from ..sites.processes import StartError, running, wait_until
from ..sites.site import running_site
from ..sites.visitor import PICTURE_SIZE, SignUpRefused, Visitor, make_picture
from . import busy_clients

LIMIT = 300  # seconds that the work of a run's sign-ups may take
WORKERS = 2  # as in the settings of steps 4 and 5
RECORDED = "recorded.json"
ARGON2ID = "safeguards.hashers.Argon2idPasswordHasher"  # as in the steps' settings


class Recording:
    """What came of the runs so far.

    `runs` is what recorded.json says of each, `files` are texts by name.
    """

    def __init__(self, console, standins):
        self.console, self.standins = console, standins
        self.picture = make_picture()
        self.runs, self.files = {}, {}

    def track(self, items, description):
        """Yield the items, with a bar that shows how many are left."""
        return track(items, description, console=self.console)

    def settings(self, **changed):
        return {
            "simulated_resize_seconds": 0,
            "joke_delay": self.standins.settings["joke_delay"],
            "mail_delay": self.standins.settings["mail_delay"],
            "workers": WORKERS,
            "password_hasher": ARGON2ID,
            "picture": {"format": "jpeg", "size": PICTURE_SIZE, "bytes": len(self.picture)},
        } | changed

    @contextmanager
    def site(self, step, variables=None, **changed):
        """Run a step with some settings changed, in a new folder, for the length of the block.

        `variables` are further environment variables.
        """
        settings = self.settings(**changed)
        if not step.has_consumer:
            del settings["workers"]
        with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            options = {
                "workers": settings.get("workers"),
                "SIMULATED_RESIZE_SECONDS": settings["simulated_resize_seconds"],
            }
            options |= variables or {}
            with running_site(step, self.standins, Path(folder, "var"), **options) as site:
                yield RecordedSite(site, settings)

    def keep(self, name, steps, records, settings):
        """Keep a run of sign-ups. Raises SignUpRefused unless all their work was done."""
        done = finished(records)
        if any(record["error"] for record in records) or len(set(done)) != 1:
            raise SignUpRefused(f"{name}: work has failed, or the timing log has not all of it.")
        records = sorted(records, key=lambda record: record["start"])
        self.keep_rows(name, records, steps, done[0] // len(steps), settings)
        medians = [
            f"{event} {median(r['elapsed'] for r in records if r['event'] == event):.3f} s"
            for event in ["sign-up", "hash password", "resize picture"]
        ]
        self.console.print(f"{name}, medians: {', '.join(medians)}", soft_wrap=True)

    def keep_rows(self, name, rows, steps, n, settings):
        """Keep what a run measured; `n` is of sign-ups in each step, or of measurements."""
        self.files[f"{name}.jsonl"] = "".join(json.dumps(row) + "\n" for row in rows)
        self.runs[name] = {
            "date": date.today().isoformat(),
            "steps": [step.name for step in steps],
            "n": n,
            "settings": settings,
        }


class RecordedSite:
    """A site that runs with these settings, and the records of its timing log so far."""

    def __init__(self, site, settings):
        self.site, self.settings = site, settings
        self.step, self.url = site.step, site.url
        self.timing_log = site.timing_log()
        self.records = []

    def sign_up(self, username, picture):
        """Sign up. Raises SignUpRefused when no profile comes of it."""
        response = Visitor(self.url, username).sign_up(picture)
        if response.status_code != 302:
            raise SignUpRefused(f"{self.step.label} refused {username}: {response.status_code}.")

    def wait(self, count, answers=()):
        """Return when all work of so many sign-ups is done. `answers`: futures of sign-ups.

        Raises what a sign-up raised, and SignUpRefused when work failed or takes too long.
        """
        deadline = time.monotonic() + LIMIT
        while min(finished(self.records)) < count:
            for answer in answers:
                if answer.done():
                    answer.result()
            if errors := [record["error"] for record in self.records if record["error"]]:
                raise SignUpRefused(f"{self.step.label}: {errors[0]}.")
            if time.monotonic() > deadline:
                raise SignUpRefused(f"{self.step.label}: not done after {LIMIT} s.")
            time.sleep(POLL)
            self.records += self.timing_log.new_records()

    def follow(self, until, patience):
        """Read the log, beginnings of work too; return whether `until()` became true.

        False when the log has had nothing new for so many seconds.
        """
        since = time.monotonic()
        while not until():
            if time.monotonic() - since > patience:
                return False
            time.sleep(POLL)
            if new := self.timing_log.new_records(with_begun=True):
                self.records += new
                since = time.monotonic()
        return True

    @contextmanager
    def kept_busy(self, page, clients):
        """Let clients in another process request a page for the length of the block."""
        log = self.site.log.with_name("clients.log")
        command = [
            sys.executable,
            "-m",
            "tools.measure.busy_clients",
            self.url + page,
            str(clients),
        ]
        with running(command, log, cwd=ROOT) as process:
            wait_until(
                lambda: busy_clients.READY in log.read_text(encoding="utf-8"),
                process,
                "tools.measure.busy_clients",
                log,
            )
            yield
            if process.poll() is not None:
                raise StartError(f"busy_clients ended early: {log.read_text(encoding='utf-8')}")


def finished(records):
    """Return how many sign-ups, resizes and mails have ended."""
    counts = Counter(record["event"] for record in records)
    return [counts[event] for event in ["sign-up", *SLOW_WORK]]


def runs_to_keep(folder, about):
    """Return what recorded.json says of the runs that were made before.

    Raises StartError if they can't stand beside runs on the machine that `about` tells of.
    """
    path = folder / RECORDED
    if not path.exists():
        return {}
    old = json.loads(path.read_text(encoding="utf-8"))
    if any(old[key] != about[key] for key in about):
        raise StartError(f"{path.name} is of another machine or other versions: leave --only out.")
    return old["runs"]


def write(files, folder):
    """Put the files into the folder, none of them before all are on the disk."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".recording-", dir=folder) as new:
        for name, text in files.items():
            Path(new, name).write_text(text, encoding="utf-8", newline="\n")
        for name in files:
            Path(new, name).replace(folder / name)
