"""Gathers what a project is judged by: what its processes do, with the stand-ins beside them."""

import json
import queue
import subprocess
import sys
import threading
import time
from contextlib import suppress
from tempfile import TemporaryDirectory

import psutil

from ..catalogue import ROOT
from ..processes import kill
from ..sites import Site
from ..standins import Standins
from ..timings import TimingLog

START_SECONDS = 5  # a project that takes longer to start does not start
LIMIT = 30  # seconds for an experiment: each has limits of its own, this is for what hangs
MAIL_SECONDS = 5  # what a mail that has left may take until it is there
RESIZE_SECONDS = 0.2  # simulated: long enough to see in the drawing


class Broken(Exception):
    """The project does not start, or an experiment ends it: the text is one line.

    `traceback` is Python's, if there is one.
    """

    def __init__(self, text, traceback=""):
        super().__init__(text)
        self.traceback = traceback


class Evidence:
    """What happens in a project's folder; each experiment is made once, when it is asked for."""

    def __init__(self, project):
        self.project, self.results = project, {}
        self.tracebacks = []

    def __enter__(self):
        self.temporary = TemporaryDirectory(prefix="check-", ignore_cleanup_errors=True)
        self.standins = Standins(http_port=0, smtp_port=0, joke_delay=0.02, mail_delay=0.02)
        self.standins.__enter__()
        var_dir = f"{self.temporary.name}/var"
        variables = {
            "SIMULATED_RESIZE_SECONDS": RESIZE_SECONDS,
            "JOKE_PORT": self.standins.http_port,
            "PYTHONPATH": ROOT,
        }
        self.site = Site(self.project, self.standins, var_dir, **variables)
        self.process = None
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc_info):
        self.site.stop()
        if self.process:
            kill(self.process)
            self.process.stdout.close()
        self.standins.__exit__()
        self.temporary.cleanup()

    # The probe

    def start(self):
        self.site.var_dir.mkdir(parents=True, exist_ok=True)
        log = (self.site.var_dir.parent / "probe.log").open("ab")
        with log:
            self.process = subprocess_of(self.project.folder, self.site.environment, log)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()
        self.next_line(LIMIT)
        self.facts = self.next_line(START_SECONDS)
        # First, while no pool has threads: one that starts in the transaction is seen by that.
        self.ask("rollback")

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put("")

    def next_line(self, seconds):
        try:
            line = self.lines.get(timeout=seconds)
        except queue.Empty:
            words = f"It was not ready after {seconds} s: does a module wait for something?"
            raise Broken(words) from None
        if not line:
            raise Broken(f"It ended by itself: {self.last_words()}")
        result = json.loads(line)
        if broken := result.get("broken"):
            raise Broken(in_one_line(broken), broken["traceback"])
        return result

    def last_words(self):
        log = (self.site.var_dir.parent / "probe.log").read_text(encoding="utf-8", errors="replace")
        return (log.strip().splitlines() or ["without a word"])[-1]

    def ask(self, experiment, **options):
        """Return what happened in the experiment, with the `mails` that the user of it got."""
        key = experiment, repr(options)
        if key not in self.results:
            self.results[key] = self.try_out(experiment, **options)
        return self.results[key]

    def try_out(self, experiment, wait=True, **options):
        if self.process.poll() is not None:
            self.start()
        print(json.dumps({"do": experiment} | options), file=self.process.stdin, flush=True)
        result = self.next_line(LIMIT)
        if result.get("error"):
            self.tracebacks.append(result["error"]["traceback"])
        left = sum(departure["what"] == "mail" for departure in result["left"])
        if wait and left:
            self.wait_for(lambda: len(self.mails(result["email"])) >= left, MAIL_SECONDS)
        return result | {"mails": self.mails(result.get("email"))}

    def end(self):
        """Return what became of a visitor whose mail was under way when the process ended."""
        if ("end", "") not in self.results:
            self.standins.control(joke_delay=0.3)
            result = self.try_out("end", wait=False)
            with suppress(psutil.TimeoutExpired):
                self.process.wait(LIMIT)
            self.standins.control(joke_delay=0.02)
            self.results["end", ""] = result | {"mails": self.mails(result["email"])}
        return self.results["end", ""]

    def mails(self, email):
        return [mail for mail in self.standins.inbox if mail["to"] == [email]]

    def wait_for(self, condition, seconds):
        """Return whether the condition becomes true in so many seconds."""
        deadline = time.monotonic() + seconds
        while not (value := condition()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return value

    def lanes(self):
        """Return the timing log's records of the latest sign-up that was asked for."""
        for (experiment, _), result in reversed(self.results.items()):
            if experiment == "sign_up":
                records = TimingLog(self.site.var_dir).new_records(with_begun=True)
                return [record for record in records if record["username"] == result["username"]]
        return []


def subprocess_of(folder, environment, log):
    return psutil.Popen(
        [sys.executable, "-m", "tools.playground.probe"],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        encoding="utf-8",
    )


def in_one_line(error):
    place = f"{error['place']}: " if error["place"] else ""
    return f"{place}{error['text']}"
