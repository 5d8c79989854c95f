"""How soon, how fast and how surely the workers of steps 4 and 5 do what is queued."""

import json
import os
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from timing.sign_up import under_way

from ...sites.catalogue import BY_NUMBER
from ...sites.processes import StartError, family, kill
from ...sites.production import production_variables
from ...sites.site import Site
from ...sites.visitor import PICTURE_SIZE, make_picture
from ...standins.standins import Standins
from .measuring import POLL, Probe, p95, ratio, rounded

SETTINGS = "tools.measure.bench.worker_settings"
STEP4, STEP5 = BY_NUMBER[4], BY_NUMBER[5]
PICKUPS = 50
IDLE_SECONDS = 10
DRAINS = 2
SIGN_UPS = 20  # of a drain: as many mails, and as many pictures
DELAY = 0.05  # seconds, of the joke and of the mail
WORKERS = [1, 2, 4]
KINDS = ["thread", "process"] if os.name == "posix" else ["thread"]
KILLS = 5  # side by side: most of the time passes in waiting
LEASE = 5  # seconds
WORK_SECONDS = 2  # of a resize that a kill interrupts
REST = 0.2  # seconds after the last record, in which a worker tidies up
LIMIT = 120  # seconds that everything queued may take


class Worker(Site):
    """A step's consumer without its server, and a probe that signs users up."""

    def __init__(self, step, standins, folder, settings=SETTINGS, **variables):
        variables = {"SIMULATED_RESIZE_SECONDS": 0, "HUEY_CONSUMER": "{}"} | variables
        variables |= production_variables(settings)
        super().__init__(step, standins, Path(folder, "var"), **variables)
        self.migrate()
        probe_log = Path(folder, "probe.log")
        self.probe = Probe("worker_probe", step.name, step.folder, self.environment, probe_log)
        self.log = self.timing_log()
        self.records = []

    def close(self):
        self.stop()
        self.probe.close()

    def follow(self, until):
        """Read the timing log, beginnings of work too, until `until()` is true."""
        deadline = time.monotonic() + LIMIT
        while not until():
            if time.monotonic() > deadline:
                raise StartError(f"{self.step.name}: work was not done in {LIMIT} s.")
            time.sleep(POLL)
            self.records += self.log.new_records(with_begun=True)

    def ended(self, event):
        return [r for r in self.records if r["event"] == event and r["end"]]


@contextmanager
def worker(step, standins, **options):
    """Make a Worker with a new folder for the length of the block; its consumer is not started."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        made = Worker(step, standins, folder, **options)
        try:
            yield made
        finally:
            made.close()


def measure(bench):
    """Measure all four: idle, draining, with and without priorities, killed."""
    with (
        Standins(http_port=0, smtp_port=0, joke_delay=DELAY, mail_delay=DELAY) as standins,
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
            each.start_consumer()
        found = {name: {"pickup_seconds": []} for name in workers}
        for _, name in bench.turns(workers, bench.n(PICKUPS), "worker, idle"):
            each = workers[name]
            each.records.clear()
            time.sleep(bench.random.uniform(0, 0.05))  # at any moment between two looks
            each.probe.ask("sign up", 1)
            each.follow(lambda each=each: each.ended("send mail"))
            [queued], [begun] = each.ended("queue"), each.ended("fetch joke")
            found[name]["pickup_seconds"].append(round(begun["start"] - queued["end"], 6))
        before = {name: cpu_seconds(each.consumer) for name, each in workers.items()}
        pause = bench.n(IDLE_SECONDS)
        time.sleep(pause)
        for name, each in workers.items():
            spent = cpu_seconds(each.consumer) - before[name]
            found[name]["cpu_percent"] = round(100 * spent / pause, 2)
        return found


def cpu_seconds(process):
    """Return the processor time of a process and its children so far."""
    times = [member.cpu_times() for member in family(process)]
    return sum(each.user + each.system for each in times)


def drain(bench, standins, picture):
    """Return mails and pictures a second, by the workers' kind and number, in step 5."""
    found = {f"{kind} x {number}": [] for kind in KINDS for number in WORKERS}
    with worker(STEP5, standins) as each:
        for _, name in bench.turns(found, bench.n(DRAINS), "worker, draining"):
            kind, number = name.split(" x ")
            consumer = {"worker_type": kind, "workers": int(number)}
            each.environment["HUEY_CONSUMER"] = json.dumps(consumer)
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
    each.records.clear()
    each.probe.ask("sign up", count, str(picture))
    each.start_consumer()
    each.follow(
        lambda: min(len(each.ended("send mail")), len(each.ended("resize picture"))) == count
    )
    time.sleep(REST)
    kill(each.consumer)


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
            each.start_consumer()
            each.probe.ask("sign up", 1, str(picture))
            each.follow(lambda each=each: "resize picture" in under_way_now(each))
            each.kill()
            kills.append(time.time())
            each.start_again()
        for each in bench.track(workers, "worker, killed"):
            each.follow(lambda each=each: each.ended("resize picture"))
        return rounded(
            each.ended("resize picture")[0]["end"] - at
            for each, at in zip(workers, kills, strict=True)
        )


def under_way_now(each):
    return [record["event"] for record in under_way(each.records)]


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
