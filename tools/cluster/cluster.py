"""Run step 5 as it runs on several machines, on this one; or break a part of it."""

import sys
import time
from contextlib import ExitStack, suppress
from threading import Lock, Thread

import psutil
import psycopg
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from timing.records import TimingLog
from timing.sign_up import under_way

from ..arguments import parse
from ..sites.addresses import LOOPBACK
from ..sites.processes import StartError, check_port_is_free, stop_in_order
from ..standins.standins import start_standins
from .running import WEB_SERVERS, running_cluster
from .second_terminal import notes, signal_part, stop_cluster, write_notes

COUNTS = """SELECT (SELECT count(*) FROM accounts_user), count(*) - count(given_up_at),
            count(given_up_at) FROM outbox_job"""


def main(arguments=None):
    """Run the command; return its exit status."""
    options = parse("cluster", arguments)
    stop_in_order()
    console = Console(highlight=False)
    try:
        if not options.action:
            run(options, console)
        elif options.action == "stop":
            stop_cluster(options.base_port)
        else:
            signal_part(options.action, options.part, options.base_port)
    except StartError as error:
        console.print(f"[red]{escape(str(error))}[/red]", soft_wrap=True)
        return 1
    except SystemExit:
        console.print("Stopped.")
        raise
    return 0


def run(options, console):
    """Run the cluster with its parts in view until Ctrl-C."""
    if notes(options.base_port).exists():
        raise StartError(
            "A cluster is running, or was left behind: python workshop.py cluster stop ends it."
        )
    web_port = options.base_port + 31
    for port in range(web_port, web_port + WEB_SERVERS):
        check_port_is_free(LOOPBACK, port)
    with ExitStack() as stack:
        standins = stack.enter_context(start_standins(options.base_port))
        stack.callback(notes(options.base_port).unlink, missing_ok=True)  # after all parts
        console.print("Starting PostgreSQL, Redis, a store, 2 web servers and 3 consumers ...")
        cluster = stack.enter_context(running_cluster(standins, web_port=web_port))
        if not cluster.redis:
            console.print("No Redis comes in a package for Windows: PostgreSQL keeps the queue.")
        keeper = Keeper(cluster, console, options)
        console.print(f"Sign up at {cluster.webs[0].url}/ and look at {cluster.webs[1].url}/")
        console.print(f"Inbox      {standins.inbox_url}")
        console.print("In a second terminal: python workshop.py cluster kill consumer-1")
        console.print("Ctrl-C stops everything; users and pictures are thrown away then.")
        with Live(console=console, auto_refresh=False) as live:
            while True:
                if console.is_terminal:
                    live.update(keeper.table(), refresh=True)
                time.sleep(0.5)


class Keeper:
    """Starts a part again when it has died, as a service manager would, and shows them all."""

    def __init__(self, cluster, console, options):
        self.cluster, self.console, self.options = cluster, console, options
        self.logs = {part: TimingLog(part.folder) for part in cluster.consumers}
        self.work, self.connection, self.noting = {}, None, Lock()
        self.note()
        for part in cluster.parts.values():
            Thread(target=self.keep, args=[part], daemon=True).start()

    def keep(self, part):
        while True:
            part.process.wait()
            if part.is_stopped:
                return
            self.console.print(f"{part.name} has died.")
            time.sleep(self.options.back_after)
            try:
                part.start()
            except StartError as error:
                self.console.print(escape(str(error)))
            else:
                self.note()
                self.console.print(f"{part.name} is back.")

    def note(self):
        with self.noting:
            write_notes(self.options.base_port, self.cluster)

    def table(self):
        """Return what is to be shown now."""
        table = Table(caption=self.waiting())
        for heading in ["part", "where", "process", "what it does"]:
            table.add_column(heading)
        for part in self.cluster.parts.values():
            number = str(part.process.pid) if part.is_running else ""
            table.add_row(part.name, part.address, number, self.state(part))
        return table

    def state(self, part):
        log = self.logs.get(part)
        records = self.work.get(part, []) + (log.new_records(with_begun=True) if log else [])
        self.work[part] = under_way(records) if part.is_running else []
        if not part.is_running:
            return f"dead for up to {self.options.back_after:g} s"
        with suppress(psutil.NoSuchProcess):
            if part.process.status() == psutil.STATUS_STOPPED:
                return "paused"
        doing = (f"{r['event']} for {r['username']}" for r in self.work[part])
        return escape(", ".join(doing)) or "runs"

    def waiting(self):
        """Return how many users and jobs the database has."""
        if self.state(self.cluster.database) != "runs":  # one that is paused would hold us up
            return "PostgreSQL does not answer."
        try:
            if not self.connection or self.connection.closed:
                options = {"connect_timeout": 2, "autocommit": True}
                self.connection = psycopg.connect(self.cluster.database.url, **options)
            users, due, given_up = self.connection.execute(COUNTS).fetchone()
        except psycopg.Error:
            return "PostgreSQL does not answer."
        return f"{users} users; {due} jobs to do, {given_up} given up"


if __name__ == "__main__":
    sys.exit(main())
