"""The recorded runs. Each takes the Recording and the options of the command."""

import json
import math
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Event

from timing.records import TimingLog, pieces_of_work

from ..demo.demo import demo_sites, sign_up_everywhere
from ..demo.figures import show, to_json
from ..race.races import Races
from ..race.recorded import recorded
from ..sites.addresses import POLL
from ..sites.catalogue import BY_NUMBER, ROOT, STEPS
from ..sites.machine import machine_and_versions
from ..sites.manage import step_environment
from ..sites.processes import StartError, python_path, running, wait_until
from ..sites.visitor import SignUpRefused
from . import busy_clients
from .frame import SEED, WORKERS, finished
from .pictures import picture, thumbnail_cost

STEP3, STEP4, STEP5 = (BY_NUMBER[number] for number in [3, 4, 5])
PBKDF2 = "django.contrib.auth.hashers.PBKDF2PasswordHasher"
BURST_SECONDS = 1  # in which the visitors of a burst arrive
# A client gets 20 answers a second at most, because runserver sends each in pieces, and the system
# waits 40 ms between the first and the second. So many clients use up a core of the web process.
BUSY_CLIENTS = 16  # beside 15 sign-ups or more; a trial recording has one more than sign-ups
BUSY_PAGE = "/signup/"
KILL_RESIZE_SECONDS = 2  # at most: the longest work that a kill interrupts
KILL_LEASE_SECONDS = 5  # longer than that
SETTLED_SECONDS = 2 * KILL_LEASE_SECONDS  # without a new record, all that will come back is back
PICTURES = [("jpeg", megapixels) for megapixels in [1, 3, 6, 12, 24, 48]]
PICTURES += [("png", megapixels) for megapixels in [1, 3, 6, 12, 24]]  # the form takes no more
SHORTEST_RESIZE = 2  # seconds, so that a kill in a race can hit it


def beside_thirty(number, options):
    """Return how many that are, when 30 sign-ups one at a time are as many as the options say."""
    return math.ceil(number * options.signups / 30)


def other_settings(module):
    """Return the environment variables that make a step use a settings module of tools/."""
    return {"DJANGO_SETTINGS_MODULE": f"tools.measure.{module}", "PYTHONPATH": python_path(ROOT)}


def one_at_a_time(recording, options):
    """The demo: in each step one sign-up after the other, the five steps side by side."""
    seconds, standins, console = options.resize_seconds, recording.standins, recording.console
    with (
        TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        ThreadPoolExecutor(2 * len(STEPS)) as threads,
    ):
        var_dirs = {step: Path(folder, step.name) for step in STEPS}
        with demo_sites(standins, var_dirs, seconds, logs=Path(folder)) as sites:
            lanes = sign_up_everywhere(options.signups, sites, threads, Event(), console)
            results, is_complete = show(lanes, standins.inbox, console)
        records = [r for path in var_dirs.values() for r in TimingLog(path).new_records()]
    if not is_complete:
        raise SignUpRefused("The demo: not every mail and thumbnail was made.")
    settings = recording.settings(simulated_resize_seconds=seconds)
    recording.keep("one_at_a_time", STEPS, records, settings)
    recording.files["demo.json"] = to_json(results)


def bursts(recording, options):
    """Visitors who arrive within a few seconds, at the same moments in each run."""
    random = Random(SEED)
    count = beside_thirty(16, options)
    arrivals = sorted(round(random.uniform(0, BURST_SECONDS), 3) for _ in range(count))
    settings = {"simulated_resize_seconds": options.resize_seconds, "arrivals": arrivals}
    burst(recording, "burst_step3", STEP3, settings)
    for workers in [1, 2, 4]:
        burst(recording, f"burst_step4_{workers}", STEP4, settings | {"workers": workers})
    # The same without Huey's `priority`, which lets mails go before pictures.
    variables = other_settings("no_priority_settings")
    settings |= {"workers": WORKERS}
    burst(recording, "burst_step4_no_priority", STEP4, settings | {"priority": False}, variables)
    burst(recording, "burst_step5", STEP5, settings)


def burst(recording, name, step, settings, variables=None):
    arrivals = settings["arrivals"]
    with (
        ThreadPoolExecutor(len(arrivals)) as threads,
        recording.site(step, variables, **settings) as site,
    ):
        start = time.monotonic()
        answers = []
        for number, arrival in enumerate(arrivals):
            time.sleep(max(0, start + arrival - time.monotonic()))
            answers.append(threads.submit(site.sign_up, f"ada-{number}", recording.picture))
        for number in recording.track(range(len(arrivals)), name):
            site.wait(number + 1, answers)
    recording.keep(name, [step], site.records, site.settings)


def kills(recording, options):
    """Workers killed at work and started again: what is lost in step 4, and comes back in step 5.

    Here a record without an end is of work that the kill interrupted. The settings say when the
    consumer was killed and when it ran again, on the clock of the records.
    """
    for step in [STEP4, STEP5]:
        kill(recording, f"kill_step{step.number}", step, options)


def kill(recording, name, step, options):
    count = beside_thirty(8, options)
    settings = {"simulated_resize_seconds": min(options.resize_seconds, KILL_RESIZE_SECONDS)}
    if step.has_outbox:
        settings["lease_seconds"] = KILL_LEASE_SECONDS
    variables = {"OUTBOX_LEASE_SECONDS": KILL_LEASE_SECONDS}
    with recording.site(step, variables, **settings) as site:
        with ThreadPoolExecutor(count) as threads:
            answers = [
                threads.submit(site.sign_up, f"ada-{n}", recording.picture) for n in range(count)
            ]
            for answer in recording.track(answers, name):
                answer.result()
        at_work = min(WORKERS, count)
        site.wait_until(lambda: len(site.under_way) >= at_work, SETTLED_SECONDS)
        site.settings["killed_at"] = time.time()
        site.site.kill()
        site.site.start_again()
        site.settings["restarted_at"] = time.time()
        site.wait_while_new(lambda: min(finished(site.records)) == count, SETTLED_SECONDS)
    records = pieces_of_work(site.records)
    recording.keep_rows(name, records, [step], count, site.settings)
    interrupted = [record["event"] for record in records if not record["end"]]
    recording.console.print(f"{name}, interrupted: {', '.join(interrupted)}", soft_wrap=True)


def hashes(recording, options):
    """Django's default password hasher and the steps' own, in turn, so that both have it alike."""
    variables = other_settings("pbkdf2_settings")
    with ExitStack() as stack:
        sites = {
            "hash_pbkdf2": recording.site(STEP4, variables, password_hasher=PBKDF2),
            "hash_argon2id": recording.site(STEP4),
        }
        sites = {name: stack.enter_context(site) for name, site in sites.items()}
        for number in recording.track(range(options.signups), "hash"):
            for site in sites.values():
                site.sign_up(f"ada-{number}", recording.picture)
                site.wait(number + 1)
    for name, site in sites.items():
        recording.keep(name, [STEP4], site.records, site.settings)


def web(recording, options):
    """The resize in a thread of the web process and in a worker, with that process idle and busy.

    While many threads run Python code, each waits for the others: only one can at a time.
    """
    for step in [STEP3, STEP4]:
        with recording.site(step) as site:
            sign_up_in_turn(recording, f"web_idle_step{step.number}", site, options)
        clients = min(BUSY_CLIENTS, options.signups + 1)
        busy = {"busy_clients": clients, "busy_page": BUSY_PAGE}
        with recording.site(step, **busy) as site, kept_busy(site, clients):
            sign_up_in_turn(recording, f"web_busy_step{step.number}", site, options)


def sign_up_in_turn(recording, name, site, options):
    for number in recording.track(range(beside_thirty(20, options)), name):
        site.sign_up(f"ada-{number}", recording.picture)
        site.wait(number + 1)
    recording.keep(name, [site.step], site.records, site.settings)


@contextmanager
def kept_busy(site, clients):
    """Let clients in another process request a page for the length of the block."""
    log = site.site.log.with_name("clients.log")
    module = "tools.measure.busy_clients"
    command = [sys.executable, "-m", module, site.url + BUSY_PAGE, str(clients)]

    def said():
        return log.read_text(encoding="utf-8")

    with running(command, log, cwd=ROOT) as process:
        wait_until(lambda: busy_clients.READY in said(), process, module, log)
        yield
        if process.poll() is not None:
            raise StartError(f"busy_clients ended early: {said()}")


def pictures(recording, options):
    """Pictures of several sizes, and the memory that their thumbnails take in a new process."""
    sizes = [size for size in PICTURES if size[1] <= options.megapixels]
    made = {size: picture(*size) for size in recording.track(sizes, "making the pictures")}
    file_bytes = {
        f"{kind}-{megapixels}mp": len(content) for (kind, megapixels), content in made.items()
    }

    def shuffled(each):
        order = [(*key, number) for key in made for number in range(each)]
        return Random(SEED).sample(order, len(order))

    order = shuffled(beside_thirty(10, options))
    with recording.site(STEP4, picture={"file_bytes": file_bytes}) as site:
        for done, (kind, megapixels, number) in enumerate(recording.track(order, "pictures")):
            site.sign_up(f"{kind}-{megapixels}mp-{number}", made[kind, megapixels])
            site.wait(done + 1)
    recording.keep("pictures", [STEP4], site.records, site.settings)

    rows = []
    order = shuffled(beside_thirty(3, options))
    with TemporaryDirectory() as folder:
        path = Path(folder, "picture")
        environment = step_environment(STEP4, recording.standins, folder)
        for kind, megapixels, _ in recording.track(order, "pictures_memory"):
            path.write_bytes(made[kind, megapixels])
            cost = thumbnail_cost("step", path, STEP4, environment)
            rows.append({"format": kind, "megapixels": megapixels} | cost)
    settings = {"picture": {"file_bytes": file_bytes}}
    recording.keep_rows("pictures_memory", rows, [STEP4], len(rows), settings)
    most = max(rows, key=lambda row: row["bytes"])
    recording.console.print(f"pictures_memory, most: {most}", soft_wrap=True)


def races(recording, options):
    """The demo's race, and the same with a kill in each step while it resizes the picture."""
    resize_seconds = max(options.resize_seconds, SHORTEST_RESIZE)
    with (
        TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        ThreadPoolExecutor(12) as threads,
    ):
        var_dirs = {step: Path(folder, step.name) for step in STEPS}
        with demo_sites(recording.standins, var_dirs, resize_seconds, logs=Path(folder)) as sites:
            demo_races = Races(sites, recording.standins, threads, Event())
            kept = [
                {"title": "Nothing is killed"} | run_race(demo_races),
                {"title": "A kill in each step"} | run_race(demo_races, resize_seconds / 4),
            ]
    settings = recording.settings(simulated_resize_seconds=resize_seconds)
    record = {"date": date.today().isoformat()} | machine_and_versions()
    record |= {"settings": settings, "races": kept}
    recording.files["races.json"] = json.dumps(record) + "\n"


def run_race(demo_races, kill_after=None):
    """Run a race and return what is kept of it.

    `kill_after`: seconds into the resize of the picture at which what does it is killed.
    """
    demo_races.start()
    race, to_kill = demo_races.race, set() if kill_after is None else {s.number for s in STEPS}
    while not race.is_over:
        for lane in race.json["lanes"]:
            bars = [bar for bar in lane["bars"] if bar["event"] == "resize picture"]
            if lane["step"] in to_kill and bars and bars[0]["seconds"] > kill_after:
                demo_races.kill(lane["step"])
                to_kill.remove(lane["step"])
        time.sleep(POLL)
    problems = [lane.problem for lane in race.lanes if lane.problem and not lane.kills]
    if to_kill or problems:
        raise SignUpRefused(f"The race: {'; '.join(problems) or 'not every step was killed'}.")
    return recorded(race)
