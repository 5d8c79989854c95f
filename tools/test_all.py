"""Run every test of the repository, or one step's, and count them."""

import json
import os
import re
import signal
import sys
import time
import xml.etree.ElementTree as ET
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from .arguments import parse
from .catalogue import ROOT, STEPS
from .processes import python_path, running

# Most of the root's tests wait for processes: six workers keep two cores busy. A group of tests
# that share sites stays in one worker (xdist_group).
ROOT_OPTIONS = ["-pfrozen", "--numprocesses=6", "--dist=loadgroup", "--no-loadscope-reorder"]
# What failed is tried once more, alone: a machine that is kept busy may be the reason. At the root
# in a worker again, because pytest-xdist puts a test's group into its name.
AGAIN = ["--last-failed", "--last-failed-no-failures=none"]
ROOT_AGAIN = ["--numprocesses=1", "--dist=loadgroup", *AGAIN]
SESSIONS = 2  # at once: the root's, and the steps' one after the other
POLL = 0.2  # seconds

# What a step's own tests must run in full, as far as the step has it.
COVERED = ["accounts", "outbox", "timing"]
COVERED += ["config/errors.py", "config/hashers.py", "config/mail.py", "config/uploads.py"]
# The plugins of pytest that a step's tests use. The others that are there take a second to import.
PLUGINS = ["slipcover.pytest_plugin", "frozen"]  # the latter from tests/startup
PLUGINS += ["pytest_django.plugin", "pytest_httpserver.pytest_plugin"]
TESTS_FAILED = 1  # with this status pytest ends
# Tests in a step, and all of the step's files that their outcome hangs on. While an earlier step
# has the same, byte for byte, they would prove nothing new, and a run of everything leaves them
# out. Only for tests that open no page and save no user: what these do hangs on the whole step.
ONCE = {
    "tests/test_jokes.py": [
        "accounts/jokes.py",
        "accounts/limits.py",
        "config/settings.py",
        "tests/conftest.py",
    ],
    "tests/test_limits.py": ["accounts/limits.py"],
    "tests/test_mail.py": ["config/mail.py"],
    "tests/test_bombs.py": ["accounts/bombs.py", "accounts/pictures.py", "tests/factories.py"],
    "tests/test_pictures.py": ["accounts/bombs.py", "accounts/pictures.py", "tests/factories.py"],
    "timing/tests/test_log.py": ["timing/log.py", "accounts/models.py", "config/settings.py"],
    "timing/tests/test_timeline.py": ["timing/log.py", "timing/timeline.py", "accounts/models.py"],
}


@dataclass
class Session:
    """Pytest in a folder; Django allows one settings module a process, so each step needs one."""

    name: str
    folder: Path
    options: list
    covered: list = ()  # files that the tests must run in full
    again: list = ()  # options with which what failed is tried once more, if any
    process = None
    shown = ""  # the progress that was shown last

    def running(self, reports, environment):
        """Return the process, to be entered; its counts and its output go to the folder."""
        self.report, self.log = reports / f"{self.name}.xml", reports / f"{self.name}.txt"
        self.coverage = reports / f"{self.name}.json"
        pytest = ["-m", "pytest", "--quiet", "--color=no", "--durations=5"]
        command = [sys.executable, *self.measuring(), *pytest, f"--junit-xml={self.report}"]
        return running([*command, *self.options], self.log, cwd=self.folder, env=environment)

    def measuring(self):
        """Return what lets Python note which lines of the covered files run.

        SlipCover changes these files' bytecode: a tracer would slow down all that runs.
        """
        if not self.covered:
            return []
        folders = sorted({path.parts[0] for path in self.covered})
        found = [path for folder in folders for path in (self.folder / folder).rglob("*.py")]
        omit = {path.relative_to(self.folder) for path in found} - set(self.covered)
        names = ",".join(sorted(path.as_posix() for path in omit))
        options = [f"--source={','.join(folders)}", f"--omit={names}", "--json"]
        return ["-m", "slipcover", *options, f"--out={self.coverage}"]

    def gaps(self):
        """Return what to say of each covered file with lines that no test has run."""
        if not self.covered:
            return []
        if not self.coverage.exists():
            return ["SlipCover has not written which lines the tests ran."]
        files = json.loads(self.coverage.read_text(encoding="utf-8"))["files"]
        return [
            f"No test runs {name}, lines {str(lines)[1:-1]}"
            for name, file in files.items()
            if (lines := file["missing_lines"])
        ]

    def output(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def show_progress(self):
        """Print how far pytest has come, when it has said so anew."""
        said = re.findall(r"\[ *(\d+)%\]", self.output())
        if said and said[-1] != self.shown:
            self.shown = said[-1]
            print(f"{self.name}: {self.shown} %", flush=True)

    def counts(self, gaps):
        """Return the number of tests by outcome; if pytest itself failed, it counts as one.

        So do gaps in the coverage.
        """
        if not self.report.exists():
            return {"passed": 0, "failed": 1, "skipped": 0}
        suite = ET.parse(self.report).getroot().find("testsuite")
        tests, failures, errors, skipped = (
            int(suite.get(name)) for name in ["tests", "failures", "errors", "skipped"]
        )
        failed = failures + errors
        if (self.process.returncode or gaps) and not failed:
            failed = 1
            tests += 1
        return {"passed": tests - failed - skipped, "failed": failed, "skipped": skipped}


def main(arguments=None):
    """Run the command; return 0 when every test passed or was skipped, otherwise 1."""
    options = parse("test", arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sessions = [alone(options.step)] if options.step else everything()
    # All that is left to chance: the seed of the tests, and the order of a set's elements.
    chance = {name: os.environ.get(name, "1") for name in ["SEED", "PYTHONHASHSEED"]}
    chance["EXAMPLES"] = str(options.examples)
    print(" ".join(f"{name}={value}" for name, value in chance.items()), flush=True)
    environment = os.environ | chance | {"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}
    # Or each of the hundreds of processes that the tests start would compile our code anew.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPATH"] = python_path(ROOT / "tests" / "startup")
    try:
        failed = run(sessions, environment)
    except KeyboardInterrupt:
        return 130
    return 1 if failed else 0


def everything():
    """Return the sessions of all tests, the longest first."""
    steps = [step_session(step, STEPS[:place]) for place, step in enumerate(STEPS)]
    return [Session("the whole", ROOT, ROOT_OPTIONS, again=ROOT_AGAIN), *steps]


def alone(step):
    """Return the session of all of a step's tests, in two processes."""
    session = step_session(step)
    session.options += ["-pxdist.plugin", "--numprocesses=2"]
    return session


def step_session(step, earlier=()):
    """Return the session of a step's tests, without those that an earlier step's have made good."""
    plugins = ["--disable-plugin-autoload", *(f"-p{name}" for name in PLUGINS)]
    options = [*plugins, *(f"--ignore={path}" for path in left_out(step, earlier))]
    covered = to_cover(step, earlier)
    return Session(step.name, step.folder, options, covered, again=[*plugins, *AGAIN])


def left_out(step, earlier):
    """Return the tests that prove nothing which they don't prove in an earlier step."""
    return [
        tests
        for tests, needs in ONCE.items()
        if any(all(same(path, step, other) for path in [tests, *needs]) for other in earlier)
    ]


def to_cover(step, earlier):
    """Return the files to cover that no earlier step has, whose tests would have to run them."""
    return [
        path
        for path in files(step, COVERED)
        if path.suffix == ".py" and not any(same(path, step, other) for other in earlier)
    ]


def same(path, step, other):
    """Return whether two steps have the same file, or the same files in a folder."""
    names = files(step, [path])
    return names == files(other, [path]) != [] and all(
        (step.folder / name).read_bytes() == (other.folder / name).read_bytes() for name in names
    )


def files(step, paths):
    """Return the files at and below the paths, relative to the step's folder."""
    below = [
        file
        for path in paths
        for file in [step.folder / path, *sorted((step.folder / path).rglob("*"))]
        if file.is_file() and "__pycache__" not in file.parts
    ]
    return [file.relative_to(step.folder) for file in below]


def run(sessions, environment):
    """Run the sessions, two at once; print how they go and their counts; return those that failed.

    Of what passed, only pytest's count is shown; what failed is to be read whole, in one piece,
    even if it passes when it is tried again.
    """
    waiting, active, failed = list(sessions), [], []
    totals = {"passed": 0, "failed": 0, "skipped": 0}
    with TemporaryDirectory() as reports, ExitStack() as stack:
        environment = environment | {"NEW_DATABASES": reports}
        while waiting or active:
            while waiting and len(active) < SESSIONS:
                session = waiting.pop(0)
                session.process = stack.enter_context(session.running(Path(reports), environment))
                active.append(session)
                print(f"{session.name}: started", flush=True)
            time.sleep(POLL)
            for session in list(active):
                session.show_progress()
                if session.process.poll() is None:
                    continue
                active.remove(session)
                said, gaps = session.output(), session.gaps()
                counts = session.counts(gaps)
                for outcome, count in counts.items():
                    totals[outcome] += count
                if not session.process.returncode and not gaps:
                    [*_, last] = re.findall(r"^.*\b(?:passed|skipped)\b.*$", said, re.MULTILINE)
                    print(f"{session.name}: {last}", flush=True)
                    continue
                print("", session.name, said, *gaps, sep="\n", flush=True)
                if session.process.returncode == TESTS_FAILED and session.again and not gaps:
                    totals["failed"] -= counts["failed"]
                    name = f"{session.name}, once more what failed"
                    waiting.append(Session(name, session.folder, session.again))
                else:
                    failed.append(session)
    for session in failed:
        print(f"Failed: {session.name}")
    print(summary(totals))
    return failed


def summary(counts):
    return "{passed} passed, {failed} failed, {skipped} skipped".format(**counts)


if __name__ == "__main__":
    sys.exit(main())
