"""The faults of `record cluster`: a part of the cluster fails while work is under way."""

import json
import secrets
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from queue import Empty, Queue
from tempfile import TemporaryDirectory

import psycopg
import requests

from ...cluster.parts import Consumer, Web, send
from ...cluster.running import running_cluster
from ...sites.catalogue import ROOT
from ...sites.processes import StartError
from ...sites.visitor import Visitor, make_picture
from ..frame import LIMIT, wait_for
from .network import cables

VISITORS = 8  # so that there is more work than workers
SKEW = 120  # seconds
LIMITS = {"OUTBOX_LEASE_SECONDS": 5, "SILENCE_SECONDS": 2, "CONVERSATION_SECONDS": 4}
AWAY = 1  # seconds until what was killed is started again
SIDE_BY_SIDE = 2  # clusters with faults, which mostly wait; a process has ports for two
PICTURE = make_picture((400, 300))
JOBS = "SELECT count(*) FROM outbox_job"
CLAIMED = "SELECT count(*) FROM outbox_job WHERE claimed_by <> ''"
DONE = """SELECT email FROM accounts_profile JOIN accounts_user ON id = user_id
          WHERE welcome_sent_at IS NOT NULL AND (picture = '' OR picture_resized_at IS NOT NULL)"""


def faults(console, standins, _):
    """Return what came of each fault: seconds until all was done, mails sent twice, losses."""
    names = [name for name in FAULTS if name != CLOCKS or shutil.which("faketime")]
    left, found = Queue(), {}
    for name in names:
        left.put(name)

    def break_a_cluster():
        with (
            running_cluster(standins, **LIMITS, SIMULATED_RESIZE_SECONDS=1) as cluster,
            suppress(Empty),
        ):
            while name := left.get_nowait():
                run = Run(cluster, standins)
                FAULTS[name](run)
                found[name] = run.result()
                console.print(f"{name}: {json.dumps(found[name])}", soft_wrap=True)

    with ThreadPoolExecutor(SIDE_BY_SIDE) as threads:
        sides = [threads.submit(break_a_cluster) for _ in range(SIDE_BY_SIDE)]
        try:
            for side in sides:
                side.result()
        finally:
            left.queue.clear()  # after Ctrl-C, or an error, the faults under way are the last
    return {name: found[name] for name in names}


class Run:
    """Some visitors who sign up with a picture, and a fault while work for them is under way."""

    def __init__(self, cluster, standins):
        self.cluster, self.standins = cluster, standins
        self.visitors = [
            Visitor(cluster.webs[n % len(cluster.webs)].url, f"ada-{secrets.token_hex(6)}")
            for n in range(VISITORS)
        ]
        self.accepted, self.done_at = [], None

    def sign_up(self, visitor):
        with suppress(requests.RequestException, ValueError):  # ValueError: a page without a form
            if visitor.sign_up(PICTURE).status_code == 302:
                self.accepted.append(visitor.email)

    def begin(self):
        """Sign everybody up; return when somebody is at their work."""
        for visitor in self.visitors:
            self.sign_up(visitor)
        if not self.accepted:
            raise StartError("All sign-ups were refused.")
        nothing = (None, [(0,)])
        wait_for(lambda: rows(self.cluster, CLAIMED) not in nothing, "No consumer began")
        self.since = time.monotonic()

    def wait(self):
        """Return when no job is left."""
        wait_for(lambda: rows(self.cluster, JOBS) == [(0,)], "The work was not done")
        self.done_at = self.done_at or time.monotonic()

    def result(self):
        self.wait()
        done = {email for (email,) in rows(self.cluster, DONE)}
        mails = [mail["to"][0] for mail in self.standins.inbox]
        return {
            "accepted": len(self.accepted),
            "refused": len(self.visitors) - len(self.accepted),
            "seconds": self.done_at - self.since,
            "mails_twice": sum(mails.count(email) > 1 for email in self.accepted),
            "most_mails": max([mails.count(email) for email in self.accepted], default=0),
            "lost": sum(not {email} <= done & set(mails) for email in self.accepted),
        }


def killed(run, *parts):
    run.begin()
    kill_and_start(*parts)


def postgres_stopped(run):
    run.begin()
    with paused(run.cluster.database, seconds=10):
        pass


def store_away(run):
    run.begin()
    with paused(run.cluster.store, seconds=10):
        pass
    kill_and_start(run.cluster.store)


def consumers_stopped(run):
    run.begin()
    with paused(*run.cluster.consumers[1:], seconds=3 * LIMITS["OUTBOX_LEASE_SECONDS"]):
        run.wait()


def consumer_cut_off(run):
    with TemporaryDirectory() as folder, cables(run.cluster.environment) as (network, environment):
        lone = Consumer("cut-off", Path(folder), environment, is_first=False)
        with paused(*run.cluster.consumers):
            lone.start()
            run.begin()
            for cable in network.values():
                cable.cut()
        try:
            run.wait()
            for cable in network.values():
                cable.mend()
            time.sleep(LIMITS["CONVERSATION_SECONDS"])  # in which it writes what it holds to be so
        finally:
            lone.stop()


def web_server_cut_off(run):
    """Let half of the visitors come to a web server that can no longer reach PostgreSQL."""
    with TemporaryDirectory() as folder, cables(run.cluster.environment) as (network, environment):
        lone = Web("cut-off", Path(folder), environment)
        try:
            lone.start()
            requests.get(f"{lone.url}/health/", timeout=LIMIT)  # now its pool has a connection
            for visitor in run.visitors[::2]:
                visitor.url = lone.url
            network["DATABASE_URL"].cut()
            run.since = time.monotonic()
            with ThreadPoolExecutor() as threads:
                list(threads.map(run.sign_up, run.visitors))
        finally:
            network["DATABASE_URL"].mend()
            lone.stop()


def web_servers_killed(run):
    run.since = time.monotonic()
    with ThreadPoolExecutor() as threads:
        answers = [threads.submit(run.sign_up, visitor) for visitor in run.visitors]
        wait_for(lambda: any(answer.done() for answer in answers), "No answer came")
        kill_and_start(*run.cluster.webs)
        for answer in answers:
            answer.result()


class SkewedConsumer(Consumer):
    """A consumer with periodic tasks whose clock is so many seconds ahead (Debian's faketime)."""

    def __init__(self, *args, seconds, **options):
        super().__init__(*args, **options, is_first=True)
        self.environment |= {
            "DJANGO_SETTINGS_MODULE": "tools.measure.cluster.skewed_settings",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # or no thread's wait would end
            "PYTHONPATH": str(ROOT),
        }
        self.offset = f"{seconds:+}s"

    def command(self):
        return ["faketime", "-m", "-f", self.offset, *super().command()]


def clocks_apart(run):
    with TemporaryDirectory() as folder, ExitStack() as stack:
        for name, seconds in [("ahead", SKEW), ("behind", -SKEW)]:
            environment = dict(run.cluster.environment)
            consumer = SkewedConsumer(name, Path(folder), environment, seconds=seconds)
            stack.callback(consumer.stop)
            consumer.start()
        run.begin()
        run.wait()


CLOCKS = "clocks two minutes ahead and behind"
FAULTS = {  # those that take long first
    CLOCKS: clocks_apart,
    "consumers stopped for longer than a lease": consumers_stopped,
    "a consumer cut off, and back": consumer_cut_off,
    "Redis killed, with all it held": lambda run: killed(run, run.cluster.redis),
    "PostgreSQL killed": lambda run: killed(run, run.cluster.database),
    "PostgreSQL stopped for 10 s": postgres_stopped,
    "a web server cut off from PostgreSQL": web_server_cut_off,
    "all consumers killed": lambda run: killed(run, *run.cluster.consumers),
    "both web servers killed": web_servers_killed,
    "the store hung, then killed": store_away,  # the last: a store is slow when it has started
}


def kill_and_start(*parts):
    for part in parts:
        part.kill()
    time.sleep(AWAY)
    with ThreadPoolExecutor() as threads:
        list(threads.map(lambda part: part.start(), parts))


def rows(cluster, query):
    """Return the rows of a query, or None while the database does not answer."""
    try:
        options = {"connect_timeout": 2, "autocommit": True}
        with psycopg.connect(cluster.database.url, **options) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []
    except psycopg.OperationalError:
        return None


@contextmanager
def paused(*parts, seconds=1.5):
    """Suspend the parts for the block; first long enough for what they wait for to be forgotten."""
    for part in parts:
        send(part.process, "suspend")
    time.sleep(seconds)
    try:
        yield
    finally:
        for part in parts:
            send(part.process, "resume")
