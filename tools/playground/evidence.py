"""Gathers what a project is judged by: what its processes do, with the stand-ins beside them."""

import json
import queue
import re
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from timing.records import TimingLog, pieces_of_work

from ..sites.catalogue import ROOT
from ..sites.processes import StartError, kill, python_path
from ..sites.site import Site, words
from .project import changed_files
from .workers import ATTENTIVE, CountingStandins, Workers

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

    So is the start of the project, which raises Broken if it fails.
    """

    def __init__(self, project):
        self.project, self.results, self.tracebacks = project, {}, []

    def __enter__(self):
        self.temporary = TemporaryDirectory(prefix="check-", ignore_cleanup_errors=True)
        self.standins = CountingStandins(**{"http_port": 0, "smtp_port": 0} | QUICK)
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
        self.process, self.said, self.workers = None, None, Workers(self)
        return self

    def __exit__(self, *exc_info):
        self.workers.stop()
        self.site.stop()
        self.stop()
        self.standins.__exit__()
        self.temporary.cleanup()

    # The probe

    @property
    def facts(self):
        """What the project's process said of it when it had started."""
        if not self.said:
            self.run()
        return self.said

    def run(self):
        """Start the project's process, unless it runs."""
        if self.process and self.process.poll() is None:
            return
        self.stop()
        self.site.var_dir.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess_of(self.project.folder, self.site.environment, log)
        self.lines = queue.Queue()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        try:
            self.said = self.next_line(LIMIT)
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
            self.reader.join()
            with suppress(OSError):  # what was not read there any more
                self.process.stdin.close()
            self.process.stdout.close()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put("")

    def next_line(self, seconds):
        try:
            line = self.lines.get(timeout=seconds)
        except queue.Empty:
            raise Broken(f"nothing has happened for {seconds} s") from None
        if not line:
            raise Broken(f"it ended by itself: {self.last_words()}")
        result = json.loads(line)
        if broken := result.get("broken"):
            if result.get("ends"):
                broken["text"] = f"the process was ended here: {self.last_words()}"
            raise Broken(in_one_line(broken), broken["traceback"])
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
        result = self.next_line(LIMIT)
        for error in [result["error"], *result["logged"]]:
            self.tracebacks += [error["traceback"]] if error else []
        left = sum(departure["what"] == "mail" for departure in result["left"])
        if wait and left:
            self.wait_for(lambda: len(self.standins.inbox) >= before + left, MAIL_SECONDS)
        return result | {"mails": self.mails(result.get("email"))}

    def end(self):
        """Return what became of a visitor whose mail was under way when the process ended.

        "stuck" says where the process was, if it did not end by itself.
        """
        if ("end", "") not in self.results:
            self.standins.control(joke_delay=0.3)
            result = self.try_out("end", wait=False) | {"stuck": ""}
            try:
                self.next_line(LIMIT)
            except Broken as error:
                result["stuck"] = str(error) if self.process.wait() else ""
            self.standins.control(**QUICK)
            self.results["end", ""] = result | {"mails": self.mails(result["email"])}
        return self.results["end", ""]

    def consumer(self):
        """Return the sign-up of a visitor whose work a real consumer has, and what came of it.

        "problem" is what the consumer said if it did not start, "log" all that it said.
        """
        if ("consumer", "") not in self.results:
            try:
                self.site.start_consumer(*ATTENTIVE)
            except StartError as error:
                return {"problem": str(error)}
            result = self.try_out("sign_up", work=False) | {"problem": ""}
            self.wait_for(lambda: self.is_done(result) or self.logged_by_consumers(), WORK_SECONDS)
            self.wait_for(lambda: self.is_done(result), AFTER_ERROR_SECONDS)
            # A mail arrives before the worker has noted that it was sent.
            self.wait_for(lambda: self.has_ended(result), MAIL_SECONDS)
            self.site.kill()
            result |= {"mails": self.mails(result["email"]), "log": words(self.site.consumer_log)}
            self.results["consumer", ""] = result | {"is_resized": self.is_resized(result)}
        return self.results["consumer", ""]

    def logged_by_consumers(self):
        """Return the first error in the consumers' log, in one line, or ""."""
        text = words(self.site.consumer_log)
        for block in text.split("Traceback (most recent call last):\n")[1:]:
            files = re.findall(r'File "(.+?)", line (\d+)', block.partition("\n\n")[0])
            ours = [
                (Path(name).relative_to(self.project.folder).as_posix(), line)
                for name, line in reversed(files)
                if Path(name).is_relative_to(self.project.folder)
            ]
            theirs = [place for place in ours if place[0] in self.their_files]
            places = [f" ({file}, line {line})" for file, line in theirs or ours]
            if error := re.search(r"^\w[\w.]*(: .*)?$", block, re.M):
                return f"{error[0].rstrip('.')}{''.join(places[:1])}"
        return ""

    def play(self, scene):
        """Return what happened in a scene of Workers, which is played once."""
        if (scene, "") not in self.results:
            self.results[scene, ""] = getattr(self.workers, scene)()
        return self.results[scene, ""]

    def is_done(self, result):
        return self.mails(result["email"]) and self.is_resized(result)

    def is_resized(self, result):
        events = [r["event"] for r in self.records(result) if r["end"] and not r["error"]]
        return "resize picture" in events

    def has_ended(self, result):
        return all(piece["end"] for piece in pieces_of_work(self.records(result)))

    def records(self, result):
        """Return the timing log's records of an experiment's user."""
        records = TimingLog(self.site.var_dir).new_records(with_begun=True)
        return [record for record in records if record["username"] == result["username"]]

    def mails(self, email):
        return [mail for mail in self.standins.inbox if mail["to"] == [email]]

    def wait_for(self, condition, seconds):
        """Return whether the condition becomes true in so many seconds."""
        deadline = time.monotonic() + seconds
        while not (value := condition()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return value


def subprocess_of(folder, environment, log):
    """Start the probe in the folder, with pipes for questions and answers."""
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
