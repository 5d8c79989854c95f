"""Run one step for following along: its site with code reload, its workers, and the stand-ins."""

import sys
import time
from contextlib import ExitStack
from signal import Signals
from threading import Event, Thread

from watchfiles import PythonFilter, watch

from ..arguments import parse
from ..sites.addresses import address, printable, warning
from ..sites.manage import manage, migrate, step_environment
from ..sites.processes import (
    StartError,
    check_port_is_free,
    finish,
    running,
    sole_owner,
    stop_in_order,
)
from ..sites.production import production_command, production_variables, threads_for
from ..standins.standins import start_standins

POLL = 0.2  # seconds between two looks at whether a process has ended
START_SECONDS = 10  # a consumer that fails so soon would fail again


def main(arguments=None):
    """Run the command until Ctrl-C; return its exit status."""
    options = parse("run", arguments)
    stop_in_order()
    try:
        return run(options.step, options.base_port, options.host, options.production)
    except StartError as error:
        print(error, file=sys.stderr)
        return 1


def run(step, base_port, host, production=False):
    """Run the step's site and workers with their output in view, until the site ends."""
    port = base_port + step.number
    check_port_is_free(host, port)
    with ExitStack() as stack:
        stack.enter_context(sole_owner(step.folder / "var"))
        standins = stack.enter_context(start_standins(base_port, host))
        variables, server = {}, manage("runserver", f"{host}:{port}")
        if production:
            variables = production_variables()
            server = production_command(host, port, threads_for(step))
        environment = step_environment(step, standins, port=port, **variables)
        migrate(step, environment)
        print(f"{step.label}  {address(printable(host), port)}/  its code is in {step.name}")
        print(f"Inbox   {standins.inbox_url}")
        if words := warning(host):
            print(words)
        print("Ctrl-C stops everything.", flush=True)
        site = stack.enter_context(running(server, cwd=step.folder, env=environment))
        if step.has_consumer:
            keep_consumer_running(step.folder, environment, site)
        if status := site.wait():
            print(f"The site {ending(status)}.", file=sys.stderr)
        return 1 if status else 0


def keep_consumer_running(folder, environment, site):
    """Run the consumer beside the site's process, until that ends.

    Start it again when it is killed, and when code changes, which Huey leaves to others.
    """
    changed, stopping = Event(), Event()
    # A daemon, because a signal may come before the block below.
    Thread(target=watch_code, args=[folder, changed, stopping], daemon=True).start()
    try:
        while site.poll() is None:
            run_consumer(folder, environment, site, changed)
            changed.clear()
    finally:
        stopping.set()


def watch_code(folder, changed, stopping):
    """Set the event `changed` whenever a .py file is saved, until `stopping` is set."""
    options = {"watch_filter": PythonFilter(), "stop_event": stopping}
    try:
        for _ in watch(folder, **options):
            changed.set()
    except (OSError, RuntimeError) as error:  # an editor may have all watches
        print(f"Looking for changes once a second, because: {error}", flush=True)
        for _ in watch(folder, force_polling=True, poll_delay_ms=1000, **options):
            changed.set()


def run_consumer(folder, environment, site, changed):
    """Run the consumer until it is to be started again, or the site has ended; say why."""
    begin = time.monotonic()
    with running(manage("run_huey"), cwd=folder, env=environment) as consumer:
        print(f"Huey's consumer is process {consumer.pid}.", flush=True)
        while site.poll() is None and consumer.poll() is None and not changed.wait(POLL):
            pass
        if changed.is_set():
            print("Code changed: starting Huey's consumer again.", flush=True)
            finish(consumer)
        elif site.poll() is None:
            time.sleep(1)  # was it a Ctrl-C, which also reaches the consumer?
            words = f"Huey's consumer (process {consumer.pid}) {ending(consumer.returncode)}"
            if consumer.returncode > 0 and time.monotonic() - begin < START_SECONDS:
                # Its code is broken, it seems: to try again would only repeat the error.
                print(f"{words}: it starts again when a .py file is saved.", flush=True)
                while site.poll() is None and not changed.wait(POLL):
                    pass
            else:
                print(f"{words}: starting it again.", flush=True)


def ending(status):
    """Return how a process ended, in words."""
    return f"was killed ({Signals(-status).name})" if status < 0 else f"ended with status {status}"


if __name__ == "__main__":
    sys.exit(main())
