"""Step 5 loses nothing: real processes, killed at random moments."""

import os
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from random import Random

import pytest
import requests

from tools.catalogue import STEPS
from tools.losses import measure
from tools.processes import kill, stop
from tools.visitor import PASSWORD, Visitor

from .conftest import workers
from .test_contract import mail_to, user_count, wait_for

SIGN_UPS = 40
KILLS = int(os.environ.get("KILLS", "10"))  # more for a longer run
SEED = int(os.environ.get("SEED", "1"))
LIMIT = 600  # seconds, for what never happens
posix_only = pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")


def wait_for_all(condition, visitors):
    deadline = time.monotonic() + LIMIT
    waiting = list(visitors)
    while waiting := [visitor for visitor in waiting if not condition(visitor)]:
        assert time.monotonic() < deadline, f"{len(waiting)} of {len(visitors)} were lost"
        time.sleep(0.5)


def is_done(visitor):
    page = visitor.get("/").text
    return 'data-picture="done"' in page and 'data-welcome="done"' in page


def test_killed_workers_lose_nothing(outbox, picture):
    site = outbox
    random = Random(SEED)
    visitors = []
    for number in range(KILLS):
        with workers(site, f"consumer-{number}.log") as process:
            for _ in range(SIGN_UPS // KILLS):
                visitors.append(site.visitor())
                assert visitors[-1].sign_up(picture).status_code == 302
            time.sleep(random.uniform(0, 0.8))
            process.kill()
            process.wait()
    with workers(site, "consumer-last.log"):
        wait_for_all(is_done, visitors)
    mails = [mail["to"][0] for mail in site.standins.inbox]
    copies = [mails.count(visitor.email) for visitor in visitors]
    assert min(copies) == 1
    assert sum(copies) - len(copies) <= KILLS
    assert all(visitor.thumbnail() for visitor in visitors)
    logs = (path.read_text(encoding="utf-8") for path in site.var_dir.parent.glob("consumer-*.log"))
    assert "Queued again" in "".join(logs)  # the kills did hit work, and the repair found it


@posix_only
def test_stopped_workers_hand_back_what_they_were_at(outbox, picture):
    site = outbox
    visitors = [site.visitor() for _ in range(4)]
    log, begun = site.timing_log(), []
    site.standins.control(joke_delay=3)
    with workers(site, "consumer-1.log") as process:
        for visitor in visitors:
            visitor.sign_up(picture)

        def is_at_a_mail():
            begun.extend(log.new_records(with_begun=True))
            return any(record["event"] == "fetch joke" for record in begun)

        wait_for(is_at_a_mail)
        stop(process)  # by SIGTERM
    site.standins.control(joke_delay=0)
    with workers(site, "consumer-2.log"):
        wait_for_all(is_done, visitors)
    log = (site.var_dir.parent / "consumer-2.log").read_text(encoding="utf-8")
    assert "Queued again" not in log  # the repair found nothing that was lost


def test_two_consumers_share_the_work(outbox, picture):
    site = outbox
    log = site.timing_log()
    with ExitStack() as stack:
        for number in range(2):
            stack.enter_context(workers(site, f"consumer-{number}.log"))
        visitors = [site.visitor() for _ in range(10)]
        for visitor in visitors:
            visitor.sign_up(picture)
        wait_for_all(is_done, visitors)
    mails = [mail["to"][0] for mail in site.standins.inbox]
    assert [mails.count(visitor.email) for visitor in visitors] == [1] * len(visitors)
    resized = [record for record in log.new_records() if record["event"] == "resize picture"]
    assert len({record["process"] for record in resized}) == 2


def test_queue_that_was_deleted_is_made_again(outbox, picture):
    site = outbox
    visitor = site.visitor()
    visitor.sign_up(picture)
    for path in site.var_dir.glob("huey.sqlite3*"):
        path.unlink()
    with workers(site, "consumer.log"):
        wait_for_all(is_done, [visitor])


def test_sign_up_survives_a_queue_that_is_no_database(outbox, picture):
    site = outbox
    for path in site.var_dir.glob("huey.sqlite3*"):
        path.write_bytes(b"garbage" * 1000)
    visitor = site.visitor()
    assert visitor.sign_up(picture).status_code == 302
    assert "DatabaseError" in site.log.read_text(encoding="utf-8")
    for path in site.var_dir.glob("huey.sqlite3*"):
        path.unlink()
    with workers(site, "consumer.log"):
        wait_for_all(is_done, [visitor])


@contextmanager
def locked(path):
    """Let nobody else write to an SQLite database for the length of the block."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("BEGIN EXCLUSIVE")
        yield


def queued_tasks(site):
    with closing(sqlite3.connect(site.var_dir / "huey.sqlite3")) as queue:
        return queue.execute("SELECT id FROM task").fetchall()


def make_older(site):
    """Make all sign-ups an hour older: the repair leaves those of the last ten seconds alone."""
    with closing(sqlite3.connect(site.var_dir / "db.sqlite3")) as database, database:
        database.execute("UPDATE accounts_user SET date_joined = datetime(date_joined, '-1 hour')")


def test_server_killed_between_the_commit_and_the_queue_loses_nothing(outbox, picture):
    site = outbox
    visitor = site.visitor()
    with ThreadPoolExecutor() as threads:
        with locked(site.var_dir / "huey.sqlite3"):  # for which the server waits five seconds
            answer = threads.submit(visitor.sign_up, picture)
            wait_for(lambda: user_count(site, username=visitor.username))
            kill(site.server)
        with pytest.raises(requests.ConnectionError):
            answer.result()
    assert queued_tasks(site) == []
    make_older(site)
    site.start_server()
    with workers(site, "consumer.log"):
        visitor = Visitor(site.url, visitor.username)
        visitor.post("/login/", {"username": visitor.username, "password": PASSWORD})
        wait_for_all(is_done, [visitor])
        assert visitor.thumbnail().size == (300, 225)
    assert len(mail_to(site, visitor)) == 1


@posix_only
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_what_a_killed_step_loses(step):
    lost = measure(step, "SIGKILL", count=6)
    both = lost["mails_lost"] + lost["thumbnails_lost"]
    if step.has_outbox:
        assert both == 0
    elif step.has_consumer:
        assert both == 2  # what the two workers were at
    else:
        assert (lost["mails_lost"], lost["thumbnails_lost"]) == (6, 6)
