"""Sign real users up through all four steps, and show what the visitors waited for."""

import argparse
import importlib.metadata
import json
import os
import platform
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event
from uuid import uuid4

import requests
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from .standins import JOKES
from .steps import (
    STEPS,
    StartError,
    consumer,
    migrate,
    server,
    start_standins,
    step_environment,
)
from .timings import SignUp, TimingLog
from .visitor import PASSWORD, SignUpRefused, Visitor, make_picture

HOST = "127.0.0.1"
DONE_SECONDS = 120  # how long a sign-up's work may take before the demo gives up on it
PACKAGES = ["django", "huey", "pillow", "requests", "argon2-cffi", "aiosmtpd"]


def main(arguments=None):
    """Run the command; return its exit status."""
    options = parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = Console(highlight=False)
    try:
        return demo(options, console)
    except (StartError, SignUpRefused) as error:
        console.print(f"[red]{error}[/red]")
        return 1
    except KeyboardInterrupt:
        console.print("Stopped.")
        return 130


def parse(arguments):
    parser = argparse.ArgumentParser(prog="workshop.py demo", description=__doc__)
    parser.add_argument("--signups", type=positive, default=3, metavar="N", help="per step (3)")
    parser.add_argument("--once", action="store_true", help="stop when the table is printed")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument(
        "--base-port", type=int, default=8000, metavar="PORT", help="steps listen above it (8000)"
    )
    parser.add_argument(
        "--var-dir",
        type=Path,
        metavar="DIR",
        help="let the steps write below it, not to their var/",
    )
    return parser.parse_args(arguments)


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def demo(options, console):
    """Start everything, sign up, print the table; stay up until Ctrl-C without --once."""
    with ExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor())
        console.print("Starting four sites, Huey's workers, a joke API and a mail server ...")
        standins = stack.enter_context(start_standins(options.base_port))
        sites = start_sites(options, standins, stack, threads)
        stopping = Event()
        stack.callback(stopping.set)  # first of all, so that no thread waits for stopped servers
        sign_ups = sign_up_everywhere(options.signups, sites, threads, stopping, console)
        results = {step.name: summary(sign_ups[step], standins.inbox) for step in STEPS}
        total = len(STEPS) * options.signups
        mails, thumbnails = (
            sum(result[what] for result in results.values())
            for what in ["mails_delivered", "thumbnails"]
        )
        console.print(table(results))
        console.print(f"{mails} of {total} mails delivered with a joke.")
        console.print(f"{thumbnails} of {total} thumbnails made.")
        if options.json:
            write_json(options.json, results)
        if not options.once:
            stay_up(sites, standins, sign_ups, console)
    return 0 if mails == thumbnails == total else 1


def start_sites(options, standins, stack, threads):
    """Start the sites and the consumer; return each step's address and timing log."""
    logs = Path(stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True)))
    var_dirs = {
        step: options.var_dir.resolve() / step.name if options.var_dir else step.folder / "var"
        for step in STEPS
    }
    environments = {step: step_environment(step, standins, var_dirs[step]) for step in STEPS}
    list(threads.map(migrate, STEPS, environments.values()))
    sites = {}
    for step, environment in environments.items():
        url = stack.enter_context(
            server(step, environment, HOST, options.base_port + step.number, logs / step.name)
        )
        if step.has_consumer:
            stack.enter_context(consumer(step, environment, logs / f"{step.name}.consumer"))
        timing_log = TimingLog(var_dirs[step])
        timing_log.new_records()  # skips those of earlier runs
        sites[step] = (url, timing_log)
    return sites


def sign_up_everywhere(count, sites, threads, stopping, console):
    """Sign `count` users up in each step, the steps side by side.

    Return a list of visitors with their sign-ups for each step.
    """
    picture = make_picture()
    columns = [
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[state]}"),
    ]
    with Progress(*columns, console=console) as progress:

        def sign_up_in_turn(step):
            url, timing_log = sites[step]
            lane = progress.add_task(step.label, total=count, state="")
            sign_ups = []
            for _ in range(count):
                progress.update(lane, state="waiting for the page")
                visitor = sign_up(url, picture)
                progress.update(lane, state="the page is back, work goes on")
                sign_ups.append((visitor, wait_until_done(visitor, timing_log, stopping)))
                progress.update(lane, advance=1, state="done")
            return sign_ups

        return dict(zip(sites, threads.map(sign_up_in_turn, sites), strict=True))


def sign_up(url, picture):
    """Return a visitor who has just signed up; raise SignUpRefused when that failed."""
    visitor = Visitor(url, f"ada-{uuid4().hex[:8]}")
    try:
        response = visitor.sign_up(picture)
    except requests.RequestException as error:
        raise SignUpRefused(f"{url} did not answer a sign-up: {error}") from error
    if response.status_code != 302:
        raise SignUpRefused(f"{url} refused a sign-up with status {response.status_code}.")
    return visitor


def wait_until_done(visitor, timing_log, stopping):
    """Return the visitor's sign-up when its work is done; raise SignUpRefused if it never is."""
    records = []
    deadline = time.monotonic() + DONE_SECONDS
    while time.monotonic() < deadline and not stopping.wait(0.05):
        records += [r for r in timing_log.new_records() if r["username"] == visitor.username]
        sign_up = SignUp(records)
        if sign_up.is_done:
            return sign_up
    raise SignUpRefused(f"{visitor.url}: the work for {visitor.username} was never done.")


def summary(sign_ups, inbox):
    """Return a step's figures: seconds, and how many got a mail with a joke and a thumbnail."""
    recipients = {mail["to"][0] for mail in inbox if any(joke in mail["text"] for joke in JOKES)}
    thumbnails = [visitor.thumbnail() for visitor, _ in sign_ups]
    waited_for = {}
    for _, sign_up in sign_ups:
        for event, seconds in sign_up.waited_for.items():
            waited_for.setdefault(event, []).append(seconds)
    return {
        "page_seconds": [sign_up.page_seconds for _, sign_up in sign_ups],
        "done_seconds": [sign_up.done_seconds for _, sign_up in sign_ups],
        "waited_for_seconds": waited_for,
        "mails_delivered": sum(visitor.email in recipients for visitor, _ in sign_ups),
        "thumbnails": sum(max(t.size) <= 300 for t in thumbnails if t),
    }


def table(results):
    """Return the staircase: medians, in seconds, of what each step's visitors waited for."""
    table = Table(title="How long a visitor waits (medians, in seconds)", title_justify="left")
    table.add_column("step")
    table.add_column("page back", justify="right")
    table.add_column("all done", justify="right")
    table.add_column("the wait is made of")
    for step in STEPS:
        result = results[step.name]
        parts = {name: median(s) for name, s in result["waited_for_seconds"].items()}
        longest = sorted(parts, key=parts.get, reverse=True)[:3]
        table.add_row(
            f"{step.number} {step.where}",
            f"{median(result['page_seconds']):.3f}",
            f"{median(result['done_seconds']):.3f}",
            "\n".join(f"{parts[name]:.3f} {name}" for name in longest),
            end_section=True,
        )
    return table


def write_json(path, results):
    """Write the figures, and what they were measured on, as one JSON object."""
    record = {
        "steps": results,
        "machine": {
            "system": platform.platform(),
            "processor": platform.machine(),
            "cores": os.cpu_count(),
        },
        "versions": {"python": platform.python_version()}
        | {package: importlib.metadata.version(package) for package in PACKAGES},
    }
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def stay_up(sites, standins, sign_ups, console):
    """Say where everything is, and leave it running until Ctrl-C."""
    for step, (url, _) in sites.items():
        visitor = sign_ups[step][-1][0]
        console.print(f"{step.label}  {url}/  log in as [bold]{visitor.username}[/bold]")
    console.print(f"The password is [bold]{PASSWORD}[/bold], or sign up yourself.")
    console.print(f"Inbox   {standins.http_url}/")
    console.print("Ctrl-C stops everything.")
    with suppress(KeyboardInterrupt):
        while True:
            time.sleep(1)


if __name__ == "__main__":
    sys.exit(main())
