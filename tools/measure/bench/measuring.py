"""What all parts share: taking turns, figures of many measurements, and probes."""

import time
from contextlib import contextmanager
from pathlib import Path
from random import Random
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from rich.progress import track

from ...sites.manage import new_database, step_environment
from ...sites.production import production_variables
from ..frame import SEED, cpu_seconds
from ..probe import Probe

IDLE_SECONDS = 10
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


def idle_cpu(bench, processes):
    """Return by name the percentage of a processor that processes take while they wait."""
    before = {name: cpu_seconds(*group) for name, group in processes.items()}
    pause = bench.n(IDLE_SECONDS)
    time.sleep(pause)
    return {
        name: round(100 * (cpu_seconds(*group) - before[name]) / pause, 2)
        for name, group in processes.items()
    }


@contextmanager
def probe(module, step, standins, settings, **variables):
    """Run a probe, a module of this package, with a new folder and database for the block."""
    variables |= production_variables(settings)
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Path(folder, "db.sqlite3").write_bytes(new_database(step))
        environment = step_environment(step, standins, folder, **variables)
        module, log = f"{__package__}.{module}", Path(folder, "probe.log")
        with Probe(module, step.folder, environment, log) as running:
            yield running
