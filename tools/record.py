"""Record the runs that the notebooks plot: what the steps' own timing logs say of each.

Nothing is written before the last run is over. All runs take about ten minutes and 300 MB of
temporary files. The machine should do nothing else meanwhile.
"""

import argparse
import json
import math
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import requests
from PIL import Image
from rich.console import Console

from . import demo
from .machine import machine_and_versions
from .recording import RECORDED, Recording, runs_to_keep, write
from .standins import Standins
from .steps import ROOT, STEPS, StartError, step_environment
from .timings import TimingLog
from .visitor import SignUpRefused, make_picture

SEED = 1  # of all that is random
STEP3, STEP4 = STEPS[2], STEPS[3]
PBKDF2 = "django.contrib.auth.hashers.PBKDF2PasswordHasher"
BURST_SECONDS = 1  # in which the visitors of a burst arrive
PICTURES = [("jpeg", megapixels) for megapixels in [1, 3, 6, 12, 24, 48]]
PICTURES += [("png", megapixels) for megapixels in [1, 3, 6, 12, 24]]  # the form takes no more
# A client gets 20 answers a second at most, because runserver sends each in pieces, and the system
# waits 40 ms between the first and the second. So many clients use up a core of the web process.
BUSY_CLIENTS = 16
BUSY_PAGE = "/signup/"


def main(arguments=None):
    """Run the command; return its exit status."""
    options = parse(arguments)
    # A shell ignores Ctrl-C for what it runs in the background, and for all that this starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # stops what was started, as Ctrl-C
    console = Console(highlight=False)
    try:
        record(options, console)
    except (StartError, SignUpRefused, requests.RequestException) as error:
        console.print(f"[red]{error}[/red]\nNothing was written.", soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped. Nothing was written.")
        return 130
    return 0


def parse(arguments):
    parser = argparse.ArgumentParser(prog="workshop.py record", description=__doc__)
    parser.add_argument(
        "--signups",
        type=demo.positive,
        default=30,
        metavar="N",
        help="one at a time, and the other runs in proportion (30)",
    )
    parser.add_argument(
        "--only", nargs="+", choices=RUNS, help="make these anew, and keep the others' data"
    )
    parser.add_argument(
        "--resize-seconds", type=float, default=5, metavar="S", help="of a simulated resize (5)"
    )
    parser.add_argument("--base-port", type=int, default=8000, metavar="PORT", help="the demo's")
    parser.add_argument("--into", type=Path, default=ROOT / "notebooks" / "data", metavar="DIR")
    return parser.parse_args(arguments)


def record(options, console):
    """Make the runs, and write their files and recorded.json when all of them are over."""
    about = {"seed": SEED} | machine_and_versions()
    kept = runs_to_keep(options.into, about) if options.only else {}
    with Standins(http_port=0, smtp_port=0) as standins:
        recording = Recording(console, standins)
        for name in options.only or RUNS:
            RUNS[name](recording, options)
    about["runs"] = kept | recording.runs
    recording.files[RECORDED] = json.dumps(about, indent=2) + "\n"
    write(recording.files, options.into)
    console.print(f"Written: {', '.join(recording.files)}", soft_wrap=True)


def beside_thirty(number, options):
    """Return how many that are, when 30 sign-ups one at a time are as many as the options say."""
    return math.ceil(number * options.signups / 30)


def one_at_a_time(recording, options):
    """The demo: in each step one sign-up after the other, the four steps side by side."""
    os.environ["SIMULATED_RESIZE_SECONDS"] = str(options.resize_seconds)
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        figures, var_dir = Path(folder, "demo.json"), Path(folder, "var")
        arguments = ["--once", f"--signups={options.signups}", f"--base-port={options.base_port}"]
        arguments += [f"--json={figures}", f"--var-dir={var_dir}"]
        if demo.demo(demo.parse(arguments), recording.console):
            raise SignUpRefused("The demo: not every mail and thumbnail was made.")
        logs = [TimingLog(var_dir / step.name) for step in STEPS]
        records = [record for log in logs for record in log.new_records()]
        settings = recording.settings(simulated_resize_seconds=options.resize_seconds)
        recording.keep("one_at_a_time", STEPS, records, settings)
        recording.files["demo.json"] = figures.read_text(encoding="utf-8")


def bursts(recording, options):
    """Visitors who arrive within a few seconds, at the same moments in each run."""
    random = Random(SEED)
    count = beside_thirty(16, options)
    arrivals = sorted(round(random.uniform(0, BURST_SECONDS), 3) for _ in range(count))
    settings = {"simulated_resize_seconds": options.resize_seconds, "arrivals": arrivals}
    burst(recording, "burst_step3", STEP3, settings)
    for workers in [1, 2, 4]:
        burst(recording, f"burst_step4_{workers}", STEP4, settings | {"workers": workers})


def burst(recording, name, step, settings):
    arrivals = settings["arrivals"]
    with ThreadPoolExecutor(len(arrivals)) as threads, recording.site(step, **settings) as site:
        start = time.monotonic()
        answers = []
        for number, arrival in enumerate(arrivals):
            time.sleep(max(0, start + arrival - time.monotonic()))
            answers.append(threads.submit(site.sign_up, f"ada-{number}", recording.picture))
        for number in recording.track(range(len(arrivals)), name):
            site.wait(number + 1, answers)
    recording.keep(name, [step], site.records, site.settings)


def hashes(recording, options):
    """Django's default password hasher and the steps' own, in turn, so that both have it alike."""
    variables = {"DJANGO_SETTINGS_MODULE": "tools.pbkdf2_settings", "PYTHONPATH": str(ROOT)}
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


def pictures(recording, options):
    """Pictures of several sizes, and the memory that their thumbnails take in a new process."""
    made = {
        (kind, megapixels): picture(kind, megapixels)
        for kind, megapixels in recording.track(PICTURES, "making the pictures")
    }
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
    for kind, megapixels, _ in recording.track(order, "pictures_memory"):
        cost = thumbnail_cost(recording, made[kind, megapixels])
        rows.append({"format": kind, "megapixels": megapixels} | cost)
    settings = {"picture": {"file_bytes": file_bytes}}
    recording.keep_rows("pictures_memory", rows, [STEP4], len(rows), settings)
    most = max(rows, key=lambda row: row["bytes"])
    recording.console.print(f"pictures_memory, most: {most}", soft_wrap=True)


def picture(kind, megapixels):
    """Return a picture of so many megapixels, 4 to 3, as a JPEG's or PNG's bytes."""
    width = round(math.sqrt(megapixels * 1e6 * 4 / 3))
    jpeg = make_picture((width, width * 3 // 4))
    if kind == "jpeg":
        return jpeg
    content = BytesIO()
    with Image.open(BytesIO(jpeg)) as image:
        image.save(content, kind)
    return content.getvalue()


def thumbnail_cost(recording, content):
    """Return seconds and bytes of memory that making a thumbnail takes in a process of its own."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "picture")
        path.write_bytes(content)
        result = subprocess.run(
            [sys.executable, "-m", "tools.memory", path],
            cwd=STEP4.folder,
            env=step_environment(STEP4, recording.standins, folder) | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
        )
    if result.returncode:
        raise StartError(f"tools.memory failed: {result.stderr.strip()}")
    return json.loads(result.stdout)


def web(recording, options):
    """The resize in a thread of the web process and in a worker, with that process idle and busy.

    While many threads run Python code, each waits for the others: only one can at a time.
    """
    for step in [STEP3, STEP4]:
        with recording.site(step) as site:
            sign_up_in_turn(recording, f"web_idle_step{step.number}", site, options)
        busy = {"busy_clients": BUSY_CLIENTS, "busy_page": BUSY_PAGE}
        with recording.site(step, **busy) as site, site.kept_busy(BUSY_PAGE, BUSY_CLIENTS):
            sign_up_in_turn(recording, f"web_busy_step{step.number}", site, options)


def sign_up_in_turn(recording, name, site, options):
    for number in recording.track(range(beside_thirty(20, options)), name):
        site.sign_up(f"ada-{number}", recording.picture)
        site.wait(number + 1)
    recording.keep(name, [site.step], site.records, site.settings)


RUNS = {
    "one_at_a_time": one_at_a_time,
    "bursts": bursts,
    "hashes": hashes,
    "pictures": pictures,
    "web": web,
}

if __name__ == "__main__":
    sys.exit(main())
