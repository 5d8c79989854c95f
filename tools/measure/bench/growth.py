"""What grows with the number of users, or of jobs that wait, in step 5, which has both."""

from contextlib import ExitStack
from statistics import median

from ...sites.catalogue import BY_NUMBER
from ..frame import own_standins
from .measuring import p95, probe, ratio, rounded

ROUNDS = 60
FEW = "10 users, 10 jobs"
SIZES = {  # users and jobs
    FEW: (10, 10),
    "10000 users": (10_000, 10),
    "1000000 users": (1_000_000, 10),
    "1000 jobs": (10, 1_000),
    "100000 jobs": (10, 100_000),
}
QUESTIONS = ["sign-up without its hash", "check of the form", "profile page", "repair"]
QUESTIONS += ["queue a job", "claim a job", "take a task"]


def measure(bench):
    """Ask sites of all sizes in turn."""
    names = [FEW, "1000 jobs"] if bench.is_quick else list(SIZES)
    rounds = bench.n(ROUNDS)
    with ExitStack() as stack:
        standins = stack.enter_context(own_standins())
        probes = {}
        for name in bench.track(names, "growth, making users and jobs"):
            settings = "tools.measure.bench.growth_settings"
            probes[name] = stack.enter_context(
                probe("growth_probe", BY_NUMBER[5], standins, settings=settings)
            )
            probes[name].ask("fill", *SIZES[name])
        asked = [(name, what) for name in names for what in QUESTIONS]
        seconds = {name: {what: [] for what in QUESTIONS} for name in names}
        for number, (name, what) in bench.turns(asked, rounds + 1, "growth"):
            answer = probes[name].ask(what)
            if number:  # the first round warms up
                seconds[name][what].append(answer)
    return {
        "n": rounds,
        "settings": {"sizes": {name: SIZES[name] for name in names}},
        "seconds": {
            name: {what: rounded(times) for what, times in found.items()}
            for name, found in seconds.items()
        },
    }


def rows(part):
    """Return what to print: how many times as long everything takes as with the fewest."""
    fewest = part["seconds"][FEW]
    for name, found in part["seconds"].items():
        for what, seconds in found.items():
            yield (
                f"{what}, {name}",
                f"{ratio(seconds, fewest[what]):.2f}",
                f"{ratio(seconds, fewest[what], p95):.2f}",
                f"{median(seconds) * 1000:.2f} ms",
            )


COLUMNS = ["work", f"÷ with {FEW}", "p95", "median"]
