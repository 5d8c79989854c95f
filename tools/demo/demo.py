"""Sign real users up through all five steps, and show what the visitors waited for."""

import math
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from uuid import uuid4

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ..arguments import parse
from ..race import MOST, Lane, Races, pages
from ..sites.addresses import POLL, address, all_printable, listen, printable, warning
from ..sites.catalogue import STEPS
from ..sites.processes import StartError, check_port_is_free, sole_owner, stop_in_order
from ..sites.site import running_sites
from ..sites.visitor import PASSWORD, SignUpRefused, make_picture
from ..sites.web import TOKEN, serve
from ..standins.standins import start_standins
from .figures import show, to_json

# Two a step, six a race, and none of them ever waits for another.
THREADS = 2 * len(STEPS) + 6 * MOST


def main(arguments=None):
    """Run the command; return its exit status."""
    options = parse("demo", arguments)
    stop_in_order()
    console = Console(highlight=False)
    try:
        return demo(options, console)
    except (StartError, SignUpRefused) as error:
        console.print(f"[red]{error}[/red]")
        return 1


def demo(options, console):
    """Start everything, sign up, print the table; stay up until Ctrl-C without --once."""
    with ExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(THREADS))
        console.print("Starting five sites, Huey's workers, a joke API and a mail server ...")
        if not options.once:
            check_port_is_free(options.host, options.base_port)
            listener = stack.enter_context(listen(options.host, options.base_port))
        standins = stack.enter_context(start_standins(options.base_port, options.host))
        logs = Path(stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True)))
        for var_dir in var_dirs(options).values():
            stack.enter_context(sole_owner(var_dir))
        ports = {"host": options.host, "base_port": options.base_port}
        sites = stack.enter_context(demo_sites(standins, var_dirs(options), logs=logs, **ports))
        stopping = Event()
        if not options.once:
            races = Races(sites, standins, threads, stopping, options.open_races)
            stack.enter_context(serve(listener, pages, races, options.host))
        stack.callback(stopping.set)  # first of all, so that no thread waits for stopped servers
        lanes = sign_up_everywhere(options.signups, sites, threads, stopping, console)
        results, is_complete = show(lanes, standins.inbox, console)
        if options.json:
            options.json.write_text(to_json(results), encoding="utf-8")
        if not options.once:
            stay_up(options, sites, standins, lanes, console)
    return 0 if is_complete else 1


def var_dirs(options):
    """Return where each step writes."""
    below = options.var_dir and options.var_dir.resolve()
    return {step: below / step.name if below else step.folder / "var" for step in STEPS}


def demo_sites(standins, var_dirs, resize_seconds=None, **options):
    """Return the sites of all steps, to be entered; a resize takes as long as the caller set it."""
    if resize_seconds is None:
        resize_seconds = float(os.environ.get("SIMULATED_RESIZE_SECONDS", 5))
    # A lease that is short enough to watch, and longer than the longest piece of work.
    lease = os.environ.get("OUTBOX_LEASE_SECONDS") or max(10, math.ceil(resize_seconds) + 3)
    return running_sites(
        standins,
        var_dirs,
        SIMULATED_RESIZE_SECONDS=resize_seconds,
        OUTBOX_LEASE_SECONDS=lease,
        SILENCE_SECONDS=3,
        CONVERSATION_SECONDS=4,  # with the joke API, and then with the mail server
        **options,
    )


def sign_up_everywhere(count, sites, threads, stopping, console):
    """Sign `count` users up in each step, the steps side by side.

    Return for each step the lanes of its sign-ups.
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
            site, lanes = sites[step], []
            for _ in range(count):
                lane = Lane(step, site.url, site.var_dir, f"ada-{uuid4().hex[:8]}")
                lane.start(picture, threads)
                while not lane.look():
                    progress.update(task, doing=lane.doing)
                    if stopping.wait(POLL):
                        raise SignUpRefused("The demo was stopped.")
                if lane.problem:
                    raise SignUpRefused(f"{step.label}, {lane.visitor.username}: {lane.problem}.")
                lanes.append(lane)
                progress.update(task, advance=1, doing=lane.doing)
            return lanes

        return dict(zip(sites, threads.map(sign_up_in_turn, sites), strict=True))


def stay_up(options, sites, standins, lanes, console):
    """Say where everything is, and leave it running until Ctrl-C."""
    start = address(printable(options.host), options.base_port)
    console.print(f"Start   {start}/  one sign-up, all five steps, live")
    for other in all_printable(options.host)[1:]:
        console.print(f"        {address(other, options.base_port)}/  in another network")
    for step, site in sites.items():
        visitor = lanes[step][-1].visitor
        url = address(printable(options.host), site.port)
        console.print(f"{step.label}  {url}/  log in as [bold]{visitor.username}[/bold]")
    console.print(f"The password is [bold]{PASSWORD}[/bold], or sign up yourself.")
    console.print(f"Inbox   {standins.inbox_url}")
    if words := warning(options.host):
        link = f"{start}/?instructor={TOKEN}"
        console.print(f"Only for you, the instructor: {link}", soft_wrap=True)
        console.print(f"[yellow]{words}[/yellow]")
    console.print("Ctrl-C stops everything.")
    while True:
        time.sleep(1)


if __name__ == "__main__":
    sys.exit(main())
