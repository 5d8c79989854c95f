"""How close each step's page comes to a sign-up that does the least."""

import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from ...sites.catalogue import STEPS
from ...sites.processes import StartError
from ...sites.production import ProductionSite, threads_for
from ...sites.site import running_site
from ...sites.visitor import PICTURE_SIZE, make_picture
from ..frame import Measured, own_standins
from .client import send_at_once, sign_up_requests
from .measuring import p95, ratio, rounded

ROUNDS = 100
SLOW_STEPS_EVERY = 20  # rounds: the pages of steps 1 to 3 take half a second and more
BARE = "bare"
REST = 0.02  # seconds after the last record of a sign-up, in which a worker tidies up
JOKE_DELAY, MAIL_DELAY = 0.2, 0.3


class Lane(Measured):
    """A site that sign-ups take turns at."""

    def __init__(self, site):
        super().__init__(site)
        self.count, self.pictures = 0, 0

    def send(self, picture):
        """Return the seconds that the client waited for the answer."""
        self.count += 1
        self.pictures += bool(picture)
        [message] = sign_up_requests(self.url, [f"ada-{self.count}"], picture)
        [answer] = send_at_once(self.url, [message])
        if not answer.is_profile:
            raise StartError(f"{self.site.log.name}: a sign-up was answered {answer.status}.")
        return answer.seconds

    def settle(self):
        """Return when the work of all sign-ups is done."""
        self.wait_until(
            lambda: (
                len(self.ended("send mail")) == self.count
                and len(self.ended("resize picture")) == self.pictures
            ),
            pause=REST,
        )
        time.sleep(REST)


def measure(bench):
    """Sign up at a bare site and at each step, in turn, with and without a picture."""
    big = make_picture(PICTURE_SIZE if not bench.is_quick else (400, 300))
    pictures = {"": None, ", upload": big}
    rounds = bench.n(ROUNDS)
    with ExitStack() as stack:
        enter = stack.enter_context
        slow = enter(own_standins(joke_delay=JOKE_DELAY, mail_delay=MAIL_DELAY))
        # A worker waits for these while no visitor does, and the next turn waits for the worker.
        quick = enter(own_standins(joke_delay=0, mail_delay=0))
        folder = Path(enter(TemporaryDirectory(ignore_cleanup_errors=True)))
        lanes = {BARE: Lane(enter(bare_site(quick, folder / "bare" / "var")))}

        def lane(name, step, standins, **options):
            options |= {"kind": ProductionSite, "SIMULATED_RESIZE_SECONDS": 0}
            return Lane(enter(running_site(step, standins, folder / name / "var", **options)))

        for step in STEPS:
            lanes[step.label] = lane(step.name, step, quick if step.has_consumer else slow)
        fsync = "tools.measure.bench.fsync_settings"
        lanes[f"{STEPS[-1].label} with fsync"] = lane("fsync", STEPS[-1], quick, settings=fsync)
        seconds = {name + what: [] for name in lanes for what in pictures}
        slow_names = [step.label for step in STEPS if not step.has_consumer]
        for number, name in bench.turns(seconds, rounds + 1, "floor"):
            lane_name, comma, what = name.partition(",")
            if lane_name in slow_names and number % SLOW_STEPS_EVERY > 1:
                continue
            turn, picture = lanes[lane_name], pictures[comma + what]
            waited = turn.send(picture)
            if number:  # the first round warms up
                seconds[name].append(waited)
            if lane_name != BARE:
                turn.settle()
    return {
        "n": rounds,
        "settings": {
            "picture": {"format": "jpeg", "size": PICTURE_SIZE, "bytes": len(big)},
            "joke_delay": JOKE_DELAY,
            "mail_delay": MAIL_DELAY,
        },
        "seconds": {name: rounded(waited) for name, waited in seconds.items()},
    }


def bare_site(standins, var_dir):
    """Return the site of the bare sign-up, to be entered."""
    return running_site(
        STEPS[0],
        standins,
        var_dir,
        kind=ProductionSite,
        settings="tools.measure.bench.bare_settings",
        threads=threads_for(STEPS[-1]),  # as a page that computes
    )


def rows(part):
    """Return what to print: each step's page beside the bare sign-up's, with the same upload."""
    seconds = part["seconds"]
    for name, waited in seconds.items():
        bare = seconds[f"{BARE}, upload" if "upload" in name else BARE]
        yield (
            name,
            f"{ratio(waited, bare):.3f}",
            f"{ratio(waited, bare, p95):.3f}",
            f"{median(waited) * 1000:.1f} ms",
            str(len(waited)),
        )


COLUMNS = ["page", "÷ bare, median", "÷ bare, p95", "median", "n"]
