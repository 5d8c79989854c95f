"""What grows with the number of users, or of jobs that wait, in step 5, which has both."""

from contextlib import ExitStack
from statistics import median

from ..catalogue import BY_NUMBER
from ..standins import Standins
from .measuring import p95, probe, ratio, rounded

ROUNDS = 100
FEW = 10
USERS = [FEW, 10_000, 1_000_000]
JOBS = [FEW, 1_000, 100_000]
WITH_USERS = ["sign-up without its hash", "check of the form", "profile page", "repair"]
WITH_JOBS = [*WITH_USERS, "queue a job", "claim a job", "take a task"]


def measure(bench):
    """Ask sites of all sizes in turn."""
    most = 1_000 if bench.is_quick else max(USERS)
    sizes = {f"{users} users": (users, FEW, WITH_USERS) for users in USERS if users <= most}
    sizes |= {f"{jobs} jobs": (FEW, jobs, WITH_JOBS) for jobs in JOBS if jobs <= most}
    rounds = bench.n(ROUNDS)
    with ExitStack() as stack:
        standins = stack.enter_context(Standins(http_port=0, smtp_port=0))
        probes = {}
        for name in bench.track(sizes, "growth, making users and jobs"):
            users, jobs, _ = sizes[name]
            settings = "tools.bench.growth_settings"
            probes[name] = stack.enter_context(
                probe("growth_probe", BY_NUMBER[5], standins, settings=settings)
            )
            probes[name].ask("fill", users, jobs)
        asked = [(name, what) for name, (_, _, questions) in sizes.items() for what in questions]
        seconds = {name: {} for name in sizes}
        for number, (name, what) in bench.turns(asked, rounds + 1, "growth"):
            answer = probes[name].ask(what)
            if number:  # the first round warms up
                seconds[name].setdefault(what, []).append(answer)
    return {
        "n": rounds,
        "settings": {"users": FEW, "jobs": FEW},
        "seconds": {
            name: {what: rounded(found[what]) for what in sizes[name][2]}
            for name, found in seconds.items()
        },
    }


def rows(part):
    """Return what to print: how many times as long everything takes as with the fewest."""
    for kind in ["users", "jobs"]:
        sizes = {n: s for n, s in part["seconds"].items() if n.endswith(kind)}
        fewest = sizes[f"{FEW} {kind}"]
        for name, found in sizes.items():
            for what, seconds in found.items():
                yield (
                    f"{what}, {name}",
                    f"{ratio(seconds, fewest[what]):.2f}",
                    f"{ratio(seconds, fewest[what], p95):.2f}",
                    f"{median(seconds) * 1000:.2f} ms",
                )


COLUMNS = ["work", f"÷ with {FEW}, median", "p95", "median"]
