"""How the steps answer many visitors at the same moment, on a server made for production."""

import sys
import time
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from ...sites.catalogue import STEPS
from ...sites.production import ProductionSite, production_command
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


class OtherSite(ProductionSite):
    """A step's site on the server that the function `command` starts."""

    def __init__(self, *arguments, command, **options):
        super().__init__(*arguments, **options)
        self.command = command

    def server_command(self):
        return self.command(self.host, self.port)


def waitress(threads):
    return lambda host, port: production_command(host, port, threads)


def granian(processes, threads):
    def command(host, port):
        return [
            *(sys.executable, "-m", "granian", "--interface=wsgi", f"--host={host}"),
            *(f"--port={port}", f"--workers={processes}", f"--blocking-threads={threads}"),
            "config.wsgi:application",
        ]

    return command


SERVERS = {
    "waitress, 4 threads": waitress(4),
    "waitress, 32 threads": waitress(32),
    "granian, 1 process of 32 threads": granian(1, 32),
    "granian, 2 processes of 16 threads": granian(2, 16),
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
            var_dir = folder / name / "var"
            return Crowd(
                enter(running_site(step, standins, var_dir, SIMULATED_RESIZE_SECONDS=0, **options))
            )

        crowds = {BARE: Crowd(enter(bare_site(quick, folder / BARE / "var")))}
        for step in bench.track(STEPS, "load, starting"):
            standins = quick if step.has_consumer else slow
            options = {"kind": ProductionSite}
            crowds[step.label] = crowd(step.label, step, standins, **options)
            if step.has_consumer:
                options["with_consumer"] = False
                name = step.label + PAGES_ALONE
                crowds[name] = crowd(name, step, standins, **options)
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
        for server, command in SERVERS.items():
            if "granian" in server and find_spec("granian") is None:
                continue
            name = f"{step.label}, {server}"
            options = {"kind": OtherSite, "command": command, "with_consumer": False}
            lanes[name] = crowd(name, step, standins, **options)
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
