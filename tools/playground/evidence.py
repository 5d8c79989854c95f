"""Gathers what a project is judged by: what its processes do, with the stand-ins beside them."""

import json
import re
import subprocess
import sys
import threading
import time
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from timing.records import TimingLog, pieces_of_work

from ..sites.catalogue import ROOT
from ..sites.processes import kill, python_path
from ..sites.site import Site, words
from .probe.errors import last_of_theirs
from .project import changed_files
from .tasks import count, shown
from .workers import CountingStandins, Workers

LIMIT = 60  # seconds, for what hangs and does not say so itself
WORK_SECONDS = 10  # what a consumer may take for a mail and a picture
AFTER_ERROR_SECONDS = 2  # what it may take for the rest, once one task has failed
MAIL_SECONDS = 5  # what a mail that has left may take until it is there
QUICK = {"joke_delay": 0.02, "mail_delay": 0.02}


class Broken(Exception):
    """The project does not start, or does not go on: the text is one line.

    `traceback` is Python's, if there is one.
    """

    def __init__(self, text, traceback=""):
        super().__init__(text)
        self.traceback = traceback


class Evidence:
    """What happens in a project's folder; each experiment is made once, when it is asked for.

    So is the start of the project, which raises Broken if it fails. `facts` is what the project's
    process said of it when it had started.
    """

    def __init__(self, project):
        self.project, self.results, self.tracebacks = project, {}, []
        self.process = self.facts = None

    def __enter__(self):
        self.temporary = TemporaryDirectory(prefix="check-", ignore_cleanup_errors=True)
        self.standins = CountingStandins(http_port=0, smtp_port=0, **QUICK)
        self.standins.__enter__()
        var_dir = Path(self.temporary.name, "var")
        self.log = var_dir.with_name("probe.log")
        self.their_files = changed_files(self.project)
        variables = {
            "THEIR_FILES": "\n".join(self.their_files),
            "SIMULATED_RESIZE_SECONDS": 0,
            "JOKE_PORT": self.standins.joke_port,
            "PYTHONPATH": python_path(ROOT),
        }
        self.site = Site(self.project, self.standins, var_dir, **variables)
        self.workers = Workers(self)
        return self

    def __exit__(self, *exc_info):
        self.workers.stop()
        self.site.stop()
        self.stop()
        self.standins.__exit__()
        self.temporary.cleanup()

    # The probe

    def run(self):
        """Start the project's process, unless it runs."""
        if self.process and self.process.poll() is None:
            return
        self.stop()
        self.site.var_dir.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = psutil.Popen(
                [sys.executable, "-m", "tools.playground.probe"],
                cwd=self.project.folder,
                env=self.site.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                encoding="utf-8",
            )
        try:
            self.facts = self.next_line()
        except Broken as error:
            raise Broken(f"It does not start: {error}", error.traceback) from None
        # First, while the URLs are not imported and no pool has threads: one that starts in the
        # transaction is seen by that.
        self.ask("rollback")
        self.commit()
        self.ask("picture")

    def commit(self):
        """Return what happened when a user was saved; in stage 3, the mail is held meanwhile."""
        return self.ask("commit", hold=["joke", "mail"] if self.project.stage == 3 else [])

    def stop(self):
        if self.process:
            kill(self.process)
            with suppress(OSError):  # what was not read there any more
                self.process.stdin.close()
            self.process.stdout.close()

    def next_line(self):
        """Return what the process says next; raise Broken if that is its last word."""
        began = time.monotonic()
        limit = threading.Timer(LIMIT, kill, [self.process])
        limit.daemon = True
        limit.start()
        line = self.process.stdout.readline()
        limit.cancel()
        if not line and time.monotonic() - began > LIMIT:
            raise Broken(f"nothing has happened for {LIMIT} s")
        if not line:
            raise Broken(f"it ended by itself: {self.last_words()}")
        result = json.loads(line)
        if broken := result.get("broken"):
            if result.get("ends"):
                broken["text"] = f"the process was ended here: {self.last_words()}"
            place = f"{broken['place']}: " if broken["place"] else ""
            raise Broken(f"{place}{broken['text']}", broken["traceback"])
        return result

    def last_words(self):
        return (words(self.log).strip().splitlines() or ["without a word"])[-1]

    def ask(self, experiment, **options):
        """Return what happened in the experiment, with the `mails` that the user of it got."""
        self.run()
        key = experiment, repr(options)
        if key not in self.results:
            self.workers.stop()  # or they would do its work
            self.results[key] = self.try_out(experiment, **options)
        return self.results[key]

    def try_out(self, experiment, wait=True, **options):
        self.run()
        before = len(self.standins.inbox)
        print(json.dumps({"do": experiment} | options), file=self.process.stdin, flush=True)
        result = self.next_line()
        for error in [result["error"], *result["logged"]]:
            self.tracebacks += [error["traceback"]] if error else []
        left = count(result["left"], "mail")
        if wait and left:
            self.wait_for(lambda: len(self.standins.inbox) >= before + left, MAIL_SECONDS)
        return result | {"mails": self.mails(result)}

    @cached_property
    def end(self):
        """What became of a visitor whose mail was under way when the process ended, as by Ctrl-C.

        "stuck" says where the process was, if it did not end by itself.
        """
        self.standins.control(joke_delay=0.3)
        result = self.try_out("sign_up", wait=False, picture=False, work=False)
        self.process.stdin.close()
        try:
            self.next_line()
        except Broken as error:
            result["stuck"] = str(error) if self.process.wait() else ""
        self.standins.control(**QUICK)
        return result | {"mails": self.mails(result)}

    # A consumer

    @cached_property
    def consumer(self):
        """The sign-up of a visitor whose work a real consumer has, and what came of it.

        "log" is all that the consumer said.
        """
        self.workers.start()
        result = self.try_out("sign_up", work=False)
        self.wait_for(lambda: self.is_done(result) or self.logged_by_consumers(), WORK_SECONDS)
        self.wait_for(lambda: self.is_done(result), AFTER_ERROR_SECONDS)
        # A mail arrives before the worker has noted that it was sent.
        self.wait_for(lambda: self.has_ended(result), MAIL_SECONDS)
        self.workers.stop()
        is_resized, log = self.is_resized(result), words(self.site.consumer_log)
        return result | {"mails": self.mails(result), "is_resized": is_resized, "log": log}

    def logged_by_consumers(self):
        """Return the first error in the consumers' log, in one line, or ""."""
        text = words(self.site.consumer_log)
        for block in text.split("Traceback (most recent call last):\n")[1:]:
            places = re.findall(r'File "(.+?)", line (\d+)', block.partition("\n\n")[0])
            if error := re.search(r"^\w[\w.]*(: .*)?$", block, re.M):
                place = last_of_theirs(places, self.project.folder, self.their_files)
                return shown({"text": error[0].rstrip("."), "place": place})
        return ""

    def is_done(self, result):
        return self.mails(result) and self.is_resized(result)

    def is_resized(self, result):
        events = [r["event"] for r in self.records(result) if r["end"] and not r["error"]]
        return "resize picture" in events

    def has_ended(self, result):
        return all(piece["end"] for piece in pieces_of_work(self.records(result)))

    def records(self, result):
        """Return the timing log's records of an experiment's user."""
        records = TimingLog(self.site.var_dir).new_records(with_begun=True)
        return [record for record in records if record["username"] == result["username"]]

    def mails(self, result):
        return [mail for mail in self.standins.inbox if mail["to"] == [result.get("email")]]

    def wait_for(self, condition, seconds):
        """Return whether the condition becomes true in so many seconds."""
        deadline = time.monotonic() + seconds
        while not (value := condition()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return value
