"""Run one step for following along: its site with code reload, its workers, and the stand-ins."""

import argparse
import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

from .catalogue import find_step
from .manage import manage, migrate, step_environment
from .playground.project import find_project, is_project
from .processes import StartError, check_port_is_free, running
from .sites import start_standins
from .web import add_host_option, printable, warning


def main(arguments=None):
    """Run the command until Ctrl-C; return its exit status."""
    parser = argparse.ArgumentParser(prog="workshop.py run", description=__doc__)
    parser.add_argument("step", help="1 to 5, or a folder such as playground")
    parser.add_argument(
        "--base-port", type=int, default=8000, metavar="PORT", help="the step listens above (8000)"
    )
    add_host_option(parser)
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return run(find(options.step), options.base_port, options.host)
    except (StartError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def find(text):
    """Return the step, or the project in a folder; raise ValueError if it is neither."""
    return find_project(text) if is_project(text) else find_step(text)


def run(step, base_port, host):
    """Run the step's site and workers with their output in view, until the site ends."""
    port = base_port + step.number
    check_port_is_free(host, port)
    with ExitStack() as stack:
        standins = stack.enter_context(start_standins(base_port, host))
        environment = step_environment(step, standins)
        migrate(step, environment)
        print(f"{step.label}  http://{printable(host)}:{port}/  its code is in {step.name}")
        print(f"Inbox   {standins.inbox_url}")
        if words := warning(host):
            print(words)
        print("Ctrl-C stops everything.", flush=True)
        if step.has_consumer:
            stack.enter_context(consumer_that_reloads(step, environment))
        site = stack.enter_context(
            running(manage("runserver", f"{host}:{port}"), cwd=step.folder, env=environment)
        )
        return site.wait()


def consumer_that_reloads(step, environment):
    """Run the consumer, and start it again when code changes, which Huey leaves to others."""
    scripts = Path(sys.executable).parent
    return running(
        [sys.executable, "-m", "watchfiles", "--filter=python", "python manage.py run_huey", "."],
        cwd=step.folder,
        env=environment | {"PATH": f"{scripts}{os.pathsep}{environment['PATH']}"},
    )


if __name__ == "__main__":
    sys.exit(main())
