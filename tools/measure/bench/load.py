"""How the steps answer many visitors at the same moment, on a server made for production."""

import sys
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from ...sites.catalogue import STEPS
from ...sites.production import ProductionSite
from ...sites.site import running_site
from ...sites.visitor import make_picture
from ..frame import own_standins, wait_for
from ..losses import counts
from .client import send_at_once, sign_up_requests
from .floor import BARE, bare_site
from .measuring import p95, probe, rounded

BURSTS = {1: 10, 4: 5, 16: 3, 64: 2, 256: 1}  # of so many visitors: how often
SERVED = 64  # visitors, to compare servers with
SERVED_BURSTS = 2
HASHES = 50
LIMIT = 120  # seconds that the work of a crowd may take
REST = 0.1  # seconds between two looks, and after the last piece of work
DELAY = 0.1  # seconds, of the joke and of the mail, for which steps 1 to 3 wait
PICTURE_SIZE = (400, 300)
HASHING = "hashing alone"
PAGES_ALONE = ", its workers elsewhere"  # as on a second machine


class GranianSite(ProductionSite):
    """A step's site on Granian, with so many processes of so many threads."""

    def __init__(self, *arguments, processes, **options):
        super().__init__(*arguments, **options)
        self.processes = processes

    def server_command(self):
        return [
            *(sys.executable, "-m", "granian", "--interface=wsgi", f"--host={self.host}"),
            *(f"--port={self.port}", f"--workers={self.processes}"),
            *(f"--blocking-threads={self.threads}", "config.wsgi:application"),
        ]


SERVERS = {
    "waitress, 4 threads": {"threads": 4},
    "waitress, 32 threads": {"threads": 32},
    "granian, 1 process of 32 threads": {"kind": GranianSite, "processes": 1, "threads": 32},
    "granian, 2 processes of 16 threads": {"kind": GranianSite, "processes": 2, "threads": 16},
}


class Crowd:
    """A site that many visitors sign up at in the same moment."""

    def __init__(self, site):
        self.site, self.count = site, 0

    def sign_up(self, visitors, picture):
        """Return the Answers to so many sign-ups."""
        names = [f"ada-{self.count + number}" for number in range(visitors)]
        self.count += visitors
        return send_at_once(self.site.url, sign_up_requests(self.site.url, names, picture))

    def settle(self):
        """Return when the work of all sign-ups so far is done.

        The rows say so: of a large crowd, the timing log keeps the latest only.
        """

        def is_done():
            return len(set(counts(self.site.var_dir).values())) == 1  # users, mails, thumbnails

        wait_for(is_done, f"{self.site.step.label}: work was not done", LIMIT, pause=REST)
        time.sleep(REST)


def measure(bench):
    """Let the crowds come, from small to large, to each step in turn."""
    picture = make_picture(PICTURE_SIZE)
    bursts = {n: bench.n(times) for n, times in BURSTS.items() if n <= bench.n(max(BURSTS), 4)}
    with ExitStack() as stack:
        enter = stack.enter_context
        delays = {"joke_delay": DELAY, "mail_delay": DELAY}
        slow = enter(own_standins(**delays))
        quick = enter(own_standins(joke_delay=0, mail_delay=0))
        folder = Path(enter(TemporaryDirectory(ignore_cleanup_errors=True)))
        hashing = enter(probe("load_probe", STEPS[0], quick, "tools.sites.production_settings"))

        def crowd(name, step, standins, **options):
            options = {"kind": ProductionSite, "SIMULATED_RESIZE_SECONDS": 0} | options
            return Crowd(enter(running_site(step, standins, folder / name / "var", **options)))

        crowds = {BARE: Crowd(enter(bare_site(quick, folder / BARE / "var")))}
        for step in bench.track(STEPS, "load, starting"):
            standins = quick if step.has_consumer else slow
            crowds[step.label] = crowd(step.label, step, standins)
            if step.has_consumer:
                name = step.label + PAGES_ALONE
                crowds[name] = crowd(name, step, standins, with_consumer=False)
        found = {HASHING: {"per_second": []}}
        found |= {name: {str(n): new_result() for n in bursts} for name in crowds}
        turns = [
            (visitors, name)
            for visitors, times in bursts.items()
            for _ in range(times)
            for name in bench.random.sample([HASHING, *crowds], len(crowds) + 1)
        ]
        for visitors, name in bench.track(turns, "load"):
            if name == HASHING:
                rate = hashing.ask("hashes per second", HASHES)
                found[HASHING]["per_second"].append(round(rate, 2))
                continue
            answers = crowds[name].sign_up(visitors, picture)
            note(found[name][str(visitors)], answers)
            if name != BARE and not name.endswith(PAGES_ALONE):
                crowds[name].settle()
        servers = compare_servers(bench, crowd, slow, picture)
    return {
        "n": sum(n * times for n, times in bursts.items()),
        "settings": {
            "server": "waitress",
            "threads": {name: crowd.site.threads for name, crowd in crowds.items()},
            "picture": {"format": "jpeg", "size": PICTURE_SIZE, "bytes": len(picture)},
            "joke_delay": DELAY,
            "mail_delay": DELAY,
            "visitors_of_servers": bench.n(SERVED, 4),
        },
        "crowds": found,
        "servers": servers,
    }


def new_result():
    return {"seconds": [], "errors": 0, "pages_per_second": []}


def note(result, answers):
    seconds = [answer.seconds for answer in answers]
    result["seconds"] += rounded(seconds)
    result["errors"] += sum(not answer.is_profile for answer in answers)
    result["pages_per_second"].append(round(len(answers) / max(seconds), 2))


def compare_servers(bench, crowd, standins, picture):
    """Let a crowd come to the first step, where it waits, and to the last, where it computes."""
    lanes = {}
    for step in [STEPS[0], STEPS[-1]]:
        for server, options in SERVERS.items():
            name = f"{step.label}, {server}"
            lanes[name] = crowd(name, step, standins, with_consumer=False, **options)
    found = {name: new_result() for name in lanes}
    for _, name in bench.turns(lanes, bench.n(SERVED_BURSTS), "load, servers"):
        note(found[name], lanes[name].sign_up(bench.n(SERVED, 4), picture))
    return found


def rows(part):
    """Return what to print of each step and crowd, and of each server."""
    hashing = median(part["crowds"][HASHING]["per_second"])
    yield HASHING, "", "", "", f"{hashing:.1f}", "1.00"
    crowds = {
        f"{name}, {visitors} at once": result
        for name, results in part["crowds"].items()
        if name != HASHING
        for visitors, result in results.items()
    }
    for name, result in (crowds | part["servers"]).items():
        pages = median(result["pages_per_second"])
        yield (
            name,
            f"{median(result['seconds']):.3f} s",
            f"{p95(result['seconds']):.3f} s",
            str(result["errors"]),
            f"{pages:.1f}",
            f"{pages / hashing:.2f}",
        )


COLUMNS = ["sign-ups", "median", "p95", "errors", "pages a second", f"÷ {HASHING}"]
