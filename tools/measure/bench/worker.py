"""How soon, how fast and how surely the workers of steps 4 and 5 do what is queued."""

import json
import os
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from ...sites.catalogue import BY_NUMBER
from ...sites.processes import kill
from ...sites.production import production_variables
from ...sites.site import Site
from ...sites.visitor import PICTURE_SIZE, make_picture
from ..frame import Measured, own_standins
from ..probe import Probe
from .measuring import POLL, idle_cpu, p95, ratio, rounded

SETTINGS = "tools.measure.bench.worker_settings"
STEP4, STEP5 = BY_NUMBER[4], BY_NUMBER[5]
PICKUPS = 50
DRAINS = 2
SIGN_UPS = 20  # of a drain: as many mails, and as many pictures
DELAY = 0.05  # seconds, of the joke and of the mail
WORKERS = [1, 2, 4]
KINDS = ["thread", "process"] if os.name == "posix" else ["thread"]
KILLS = 5  # side by side: most of the time passes in waiting
LEASE = 5  # seconds
WORK_SECONDS = 2  # of a resize that a kill interrupts
REST = 0.2  # seconds after the last record, in which a worker tidies up


class Worker(Measured):
    """A step's consumer without its server, and a probe that signs users up."""

    def __init__(self, site, probe):
        super().__init__(site)
        self.probe = probe

    def queue(self, count, picture=""):
        self.records.clear()
        self.probe.ask("sign up", count, str(picture))


@contextmanager
def worker(step, standins, settings=SETTINGS, **variables):
    """Make a Worker with a new folder for the length of the block; its consumer is not started."""
    variables = {"SIMULATED_RESIZE_SECONDS": 0, "HUEY_CONSUMER": "{}"} | variables
    variables |= production_variables(settings)
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        site = Site(step, standins, Path(folder, "var"), **variables)
        site.migrate()
        log = Path(folder, "probe.log")
        with Probe(f"{__package__}.worker_probe", step.folder, site.environment, log) as probe:
            try:
                yield Worker(site, probe)
            finally:
                site.stop()


def measure(bench):
    """Measure all four: idle, draining, with and without priorities, killed."""
    with (
        own_standins(joke_delay=DELAY, mail_delay=DELAY) as standins,
        TemporaryDirectory() as folder,
    ):
        picture = Path(folder, "picture.jpg")
        picture.write_bytes(make_picture(PICTURE_SIZE))
        return {
            "n": bench.n(PICKUPS),
            "settings": {
                "joke_delay": DELAY,
                "mail_delay": DELAY,
                "picture": {"format": "jpeg", "size": PICTURE_SIZE},
                "sign_ups": bench.n(SIGN_UPS, 4),
                "drains": bench.n(DRAINS),
                "lease_seconds": LEASE,
                "interrupted_work_seconds": WORK_SECONDS,
            },
            "idle": idle(bench, standins),
            "drain": drain(bench, standins, picture),
            "last_mail": priorities(bench, standins, picture),
            "killed": killed(bench, standins, picture),
        }


def idle(bench, standins):
    """Return how long an idle worker takes to begin, and what an idle consumer costs."""
    with ExitStack() as stack:
        workers = {s.label: stack.enter_context(worker(s, standins)) for s in [STEP4, STEP5]}
        for each in workers.values():
            each.site.start_consumer()
        found = {name: {"pickup_seconds": []} for name in workers}
        for _, name in bench.turns(workers, bench.n(PICKUPS), "worker, idle"):
            each = workers[name]
            time.sleep(bench.random.uniform(0, 0.05))  # at any moment between two looks
            each.queue(1)
            each.wait_until(lambda each=each: each.ended("send mail"), pause=POLL)
            [queued], [begun] = each.ended("queue"), each.ended("fetch joke")
            found[name]["pickup_seconds"].append(round(begun["start"] - queued["end"], 6))
        used = idle_cpu(bench, {name: [each.site.consumer] for name, each in workers.items()})
        for name, percent in used.items():
            found[name]["cpu_percent"] = percent
        return found


def drain(bench, standins, picture):
    """Return mails and pictures a second, by the workers' kind and number, in step 5."""
    found = {f"{kind} x {number}": [] for kind in KINDS for number in WORKERS}
    with worker(STEP5, standins) as each:
        for _, name in bench.turns(found, bench.n(DRAINS), "worker, draining"):
            kind, number = name.split(" x ")
            consumer = {"worker_type": kind, "workers": int(number)}
            each.site.environment["HUEY_CONSUMER"] = json.dumps(consumer)
            drained(each, bench.n(SIGN_UPS, 4), picture)
            found[name].append(
                {
                    "mails_per_second": rate(each, "fetch joke", "send mail"),
                    "pictures_per_second": rate(each, "resize picture", "resize picture"),
                }
            )
    return found


def drained(each, count, picture):
    """Queue the work of so many sign-ups, start the consumer, and stop it when all is done."""
    each.queue(count, picture)
    each.site.start_consumer()
    each.wait_until(
        lambda: min(len(each.ended("send mail")), len(each.ended("resize picture"))) == count,
        pause=POLL,
    )
    time.sleep(REST)
    kill(each.site.consumer)


def rate(each, first, last):
    begun = min(record["start"] for record in each.ended(first))
    ended = [record["end"] for record in each.ended(last)]
    return round(len(ended) / (max(ended) - begun), 3)


def priorities(bench, standins, picture):
    """Return after which share of the whole time the last mail is out, in step 4."""
    settings = {
        "with priority": "tools.sites.production_settings",
        "without": "tools.measure.no_priority_settings",
    }
    found = {name: [] for name in settings}
    with ExitStack() as stack:
        workers = {
            name: stack.enter_context(worker(STEP4, standins, settings=module))
            for name, module in settings.items()
        }
        for _, name in bench.turns(settings, bench.n(DRAINS), "worker, priorities"):
            each = workers[name]
            drained(each, bench.n(SIGN_UPS, 4), picture)
            work = [r for e in ["fetch joke", "resize picture"] for r in each.ended(e)]
            start = min(record["start"] for record in work)
            mails, everything = (
                max(record["end"] for event in events for record in each.ended(event)) - start
                for events in [["send mail"], ["send mail", "resize picture"]]
            )
            found[name].append(round(mails / everything, 3))
    return found


def killed(bench, standins, picture):
    """Return seconds from a SIGKILL of the consumer until what it did is done again, in step 5."""
    variables = {"OUTBOX_LEASE_SECONDS": LEASE, "SIMULATED_RESIZE_SECONDS": WORK_SECONDS}
    with ExitStack() as stack:
        workers = [
            stack.enter_context(worker(STEP5, standins, **variables)) for _ in range(bench.n(KILLS))
        ]
        kills = []
        for each in workers:
            each.site.start_consumer()
            each.queue(1, picture)
            each.wait_until(lambda each=each: is_at_the_picture(each), pause=POLL)
            each.site.kill()
            kills.append(time.time())
            each.site.start_again()
        for each in bench.track(workers, "worker, killed"):
            each.wait_until(lambda each=each: each.ended("resize picture"), pause=POLL)
        return rounded(
            each.ended("resize picture")[0]["end"] - at
            for each, at in zip(workers, kills, strict=True)
        )


def is_at_the_picture(each):
    return any(record["event"] == "resize picture" for record in each.under_way)


def rows(part):
    """Return what to print."""
    for name, found in part["idle"].items():
        waits = found["pickup_seconds"]
        yield f"{name}: idle pick-up, median", f"{median(waits) * 1000:.1f} ms", str(len(waits))
        yield f"{name}: idle pick-up, p95", f"{p95(waits) * 1000:.1f} ms", str(len(waits))
        yield f"{name}: an idle consumer's CPU", f"{found['cpu_percent']:.1f} %", "1"
    one = part["drain"]["thread x 1"]
    for name, runs in part["drain"].items():
        for what in ["mails", "pictures"]:
            rates, base = ([run[f"{what}_per_second"] for run in group] for group in [runs, one])
            words = f"{median(rates):.1f} a second, {ratio(rates, base):.2f} x one thread"
            yield f"{what}, {name}", words, str(len(rates))
    for name, shares in part["last_mail"].items():
        words = f"{100 * median(shares):.0f} % of the whole time"
        yield f"last mail, pictures waiting too, {name}", words, str(len(shares))
    seconds = part["killed"]
    lease = part["settings"]["lease_seconds"]
    words = f"{median(seconds):.1f} s, {median(seconds) / lease:.2f} x the lease"
    yield "from a kill until done again", words, str(len(seconds))


COLUMNS = ["what", "measured", "n"]
