"""What all parts share: taking turns, figures of many measurements, and a step's own code."""

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from random import Random
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from rich.progress import track

from ...sites.manage import new_database, step_environment
from ...sites.processes import STOP_SECONDS, StartError
from ...sites.production import production_variables

SEED = 1  # of all that is random
POLL = 0.01  # seconds between two looks
DIGITS = 6  # of seconds in the record, which are microseconds


class Bench:
    """What a part is given: where to show progress, chance with a seed, and how much to measure.

    `is_quick`: try everything, a few times, in seconds; the figures are worth nothing.
    """

    def __init__(self, console, is_quick=False):
        self.console, self.is_quick = console, is_quick
        self.random = Random(SEED)

    def n(self, number, quick=1):
        """Return how often to measure: so often, or as often as `quick` says."""
        return quick if self.is_quick else number

    def track(self, items, description):
        """Yield the items, with a bar that shows how many are left."""
        return track(items, description, console=self.console, transient=True)

    def turns(self, names, rounds, description):
        """Yield (round, name): each name once in each round, in an order of chance.

        So whatever else the machine does hits all of them alike.
        """
        order = [
            (number, name)
            for number in range(rounds)
            for name in self.random.sample(list(names), len(names))
        ]
        return self.track(order, description)


def p95(numbers):
    """Return the 95th percentile; of one number, that one."""
    return quantiles(numbers, n=20, method="inclusive")[-1] if len(numbers) > 1 else numbers[0]


def ratio(numbers, others, of=median):
    """Return how many times as large the first numbers are, at the median or as `of` says."""
    return of(numbers) / of(others)


def rounded(seconds):
    """Return numbers as the record keeps them."""
    return [round(number, DIGITS) for number in seconds]


class Probe:
    """Python code that runs in a site's process, and measures what it is asked for: `ask()`.

    It is a module of this package with a table QUESTIONS, and runs in a process of its own.
    """

    def __init__(self, module, name, cwd, environment, log_path):
        self.name, self.errors = name, Path(log_path)
        with self.errors.open("w", encoding="utf-8") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tools.measure.bench.probe", module],
                cwd=cwd,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                encoding="utf-8",
            )

    def ask(self, question, *arguments):
        """Return the answer, which is mostly seconds. Raises StartError if there is none."""
        try:
            self.process.stdin.write(json.dumps([question, *arguments]) + "\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())
        except (OSError, ValueError):
            words = self.errors.read_text(encoding="utf-8").strip().splitlines()
            raise StartError(f"{self.name}, {question}: {(words or ['it ended'])[-1]}") from None

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


@contextmanager
def probe(module, step, standins, settings, **variables):
    """Run a probe with a new folder and database for the length of the block."""
    variables |= production_variables(settings)
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        environment = step_environment(step, standins, folder, **variables)
        Path(folder, "db.sqlite3").write_bytes(new_database(step))
        log_path = Path(folder, "probe.log")
        running = Probe(module, step.name, step.folder, environment, log_path)
        try:
            yield running
        finally:
            running.close()
