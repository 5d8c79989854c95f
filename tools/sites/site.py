"""Run the steps' sites: each one's server, its consumer if it has one, and their ports."""

import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from urllib.parse import urlsplit

import requests
from timing.records import TimingLog

from .addresses import LOOPBACK, reachable
from .manage import manage, migrate, new_database, step_environment
from .ports import free_port
from .processes import StartError, check_port_is_free, kill, start, stop, wait_until, words


class Site:
    """A step's server and, if it has one, its consumer. Any thread may kill and restart them.

    `server` and `consumer` are processes, None before they are started. What is started next gets
    the `environment` as it is then. Without a port the site listens on a free one; without a
    number of workers it has as many as the step's settings say; without a folder its `logs` are
    beside `var_dir`. `variables` are further environment variables.
    """

    def __init__(
        self,
        step,
        standins,
        var_dir,
        *,
        host=LOOPBACK,
        port=None,
        workers=None,
        logs=None,
        **variables,
    ):
        self.step, self.standins, self.var_dir = step, standins, Path(var_dir)
        self.host, self.port, self.workers = host, port or free_port(), workers
        self.url = f"http://{reachable(host)}:{self.port}"
        self.environment = step_environment(step, standins, var_dir, port=self.port, **variables)
        logs = logs or self.var_dir.parent
        self.log, self.consumer_log = logs / f"{step.name}.log", logs / f"{step.name}.consumer.log"
        self.server = self.consumer = None
        self.lock = RLock()
        self.is_stopped = False

    def start(self, with_consumer=True):
        """Migrate and start everything; raise StartError if that fails."""
        with self.lock:
            self.migrate()
            self.start_server()
            if self.step.has_consumer and with_consumer:
                self.start_consumer()

    def migrate(self):
        """Bring the site's database up to date, or make it."""
        database = self.var_dir / "db.sqlite3"
        if database.exists():
            migrate(self.step, self.environment)
        else:
            self.var_dir.mkdir(parents=True, exist_ok=True)
            database.write_bytes(new_database(self.step))

    def start_server(self):
        check_port_is_free(self.host, self.port)
        self.server = self.started(self.server_command(), self.log)
        wait_until(self.answers, self.server, f"{self.step.name}: the server", self.log)

    def server_command(self):
        """Return the command that runs the server for development, for a room, without reload."""
        runserver = ["-m", "tools.sites.runserver", "runserver", f"{self.host}:{self.port}"]
        return [sys.executable, *runserver, "--noreload"]

    def start_consumer(self, *options):
        """Start a consumer with further options of run_huey; raise StartError if that fails."""
        said_before = words(self.consumer_log)
        workers = ["--workers", str(self.workers)] if self.workers else []
        command = manage("run_huey", *workers, *options)
        self.consumer = self.started(command, self.consumer_log)
        wait_until(
            lambda: "consumer started" in words(self.consumer_log).removeprefix(said_before),
            self.consumer,
            f"{self.step.name}: the consumer",
            self.consumer_log,
        )

    def started(self, command, log):
        if self.is_stopped:
            raise StartError(f"{self.step.name} was stopped.")
        return start(command, log, cwd=self.step.folder, env=self.environment)

    def answers(self):
        """Return whether the server answers."""
        return answers(self.url)

    def timing_log(self):
        """Return the timing log from here on."""
        log = TimingLog(self.var_dir)
        log.skip()
        return log

    def kill(self):
        """Kill what does the slow work, with all its children: the consumer, or else the server."""
        with self.lock:
            if process := self.consumer if self.step.has_consumer else self.server:
                kill(process)

    def start_again(self):
        """Start what kill() ended, on the same port; return when it is ready."""
        with self.lock:
            if self.step.has_consumer:
                self.start_consumer()
            else:
                self.start_server()

    def kill_and_restart(self):
        """Kill what does the slow work and start it again, while no other thread does the same."""
        with self.lock:
            self.kill()
            self.start_again()

    def stop(self):
        """Stop everything for good."""
        with self.lock:
            self.is_stopped = True
            for process in [self.consumer, self.server]:
                if process:
                    stop(process)


def answers(url):
    """Return whether a server of this machine answers at its address, without a path."""
    address = urlsplit(url)
    with socket.socket() as probe:  # a request that nobody takes costs far more
        if probe.connect_ex((address.hostname, address.port)):
            return False
    with requests.Session() as session:
        session.trust_env = False  # no proxy leads to this machine
        try:
            return session.get(f"{url}/", timeout=5).ok
        except requests.RequestException:
            return False


@contextmanager
def running_site(step, standins, var_dir, *, with_consumer=True, kind=Site, **options):
    """Run a step's site for the length of the block; yield the Site, which takes the options."""
    site = kind(step, standins, var_dir, **options)
    try:
        site.start(with_consumer)
        yield site
    finally:
        site.stop()


@contextmanager
def running_sites(standins, var_dirs, *, base_port=None, kind=Site, **options):
    """Run the sites of several steps, started side by side; yield the Site of each.

    `var_dirs` says where each step writes. With a base port, step N listens N above it.
    """
    sites = {
        step: kind(step, standins, path, port=base_port and base_port + step.number, **options)
        for step, path in var_dirs.items()
    }
    try:
        with ThreadPoolExecutor(len(sites)) as threads:
            list(threads.map(kind.start, sites.values()))
        yield sites
    finally:
        for site in sites.values():
            site.stop()
