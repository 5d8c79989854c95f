"""Sign real users up through all four steps, and show what the visitors waited for."""

import argparse
import json
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

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from .machine import machine_and_versions
from .race import Lane, RaceHandler, Races
from .standins import JOKES
from .steps import (
    STEPS,
    StartError,
    check_port_is_free,
    consumer,
    migrate,
    server,
    start_standins,
    step_environment,
)
from .visitor import PASSWORD, SignUpRefused, make_picture
from .web import POLL, add_host_option, listen, printable, serve, warning

THREADS = 16  # two a step and five for a race, and none of them ever waits for another


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
        "--base-port",
        type=int,
        default=8000,
        metavar="PORT",
        help="the race's page listens there, the steps above it (8000)",
    )
    add_host_option(parser)
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
        threads = stack.enter_context(ThreadPoolExecutor(THREADS))
        console.print("Starting four sites, Huey's workers, a joke API and a mail server ...")
        if not options.once:
            check_port_is_free(options.host, options.base_port)
            listener = stack.enter_context(listen(options.host, options.base_port))
        standins = stack.enter_context(start_standins(options.base_port, options.host))
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
            races = Races(sites, standins, threads, stopping)
            with serve(listener, RaceHandler, races, options.host):
                stay_up(options, sites, standins, sign_ups, console)
    return 0 if mails == thumbnails == total else 1


def start_sites(options, standins, stack, threads):
    """Start the sites and the consumer; return each step's address and folder of its timing log."""
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
            server(
                step, environment, options.host, options.base_port + step.number, logs / step.name
            )
        )
        if step.has_consumer:
            stack.enter_context(consumer(step, environment, logs / f"{step.name}.consumer"))
        sites[step] = (url, var_dirs[step])
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
        TextColumn("{task.fields[doing]}"),
    ]
    with Progress(*columns, console=console) as progress:

        def sign_up_in_turn(step):
            task = progress.add_task(step.label, total=count, doing="")
            sign_ups = []
            for _ in range(count):
                lane = Lane(step, *sites[step], f"ada-{uuid4().hex[:8]}")
                lane.start(picture, threads)
                while not lane.look():
                    progress.update(task, doing=lane.doing)
                    if stopping.wait(POLL):
                        raise SignUpRefused("The demo was stopped.")
                if lane.problem:
                    raise SignUpRefused(f"{step.label}, {lane.visitor.username}: {lane.problem}.")
                sign_ups.append((lane.visitor, lane.sign_up))
                progress.update(task, advance=1, doing=lane.doing)
            return sign_ups

        return dict(zip(sites, threads.map(sign_up_in_turn, sites), strict=True))


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
    record = {"steps": results} | machine_and_versions()
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def stay_up(options, sites, standins, sign_ups, console):
    """Say where everything is, and leave it running until Ctrl-C."""
    base = f"http://{printable(options.host)}"
    console.print(f"Start   {base}:{options.base_port}/  one sign-up, all four steps, live")
    for step in sites:
        visitor = sign_ups[step][-1][0]
        url = f"{base}:{options.base_port + step.number}/"
        console.print(f"{step.label}  {url}  log in as [bold]{visitor.username}[/bold]")
    console.print(f"The password is [bold]{PASSWORD}[/bold], or sign up yourself.")
    console.print(f"Inbox   {standins.inbox_url}")
    if words := warning(options.host):
        console.print(f"[yellow]{words}[/yellow]")
    console.print("Ctrl-C stops everything.")
    with suppress(KeyboardInterrupt):
        while True:
            time.sleep(1)


if __name__ == "__main__":
    sys.exit(main())
