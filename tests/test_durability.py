"""Step 4 loses nothing: real processes, killed at random moments."""

import os
import time
from contextlib import ExitStack, contextmanager
from random import Random

import pytest

from tools.losses import measure
from tools.steps import STEPS, consumer, free_port, migrate, server, step_environment, stop

from .conftest import Site

SIGN_UPS = 40
KILLS = int(os.environ.get("KILLS", "10"))  # more for a longer run
SEED = int(os.environ.get("SEED", "1"))
LIMIT = 600  # seconds, for what never happens


@pytest.fixture
def step_4(standins, tmp_path):
    """Step 4's site without its consumer, and the environment to start one in."""
    step = STEPS[3]
    environment = step_environment(step, standins, tmp_path / "var")
    environment |= {"SIMULATED_RESIZE_SECONDS": "0.3", "LEASE_SECONDS": "5"}
    standins.control(joke_delay=0.05, mail_delay=0.05)
    migrate(step, environment)
    with server(step, environment, "127.0.0.1", free_port(), tmp_path / "server.log") as url:
        yield Site(step, url, tmp_path / "var", standins), environment


@contextmanager
def workers(site, environment, name):
    with consumer(site.step, environment, site.var_dir.parent / name) as process:
        yield process


def wait_for_all(condition, visitors):
    deadline = time.monotonic() + LIMIT
    waiting = list(visitors)
    while waiting := [visitor for visitor in waiting if not condition(visitor)]:
        assert time.monotonic() < deadline, f"{len(waiting)} of {len(visitors)} were lost"
        time.sleep(0.5)


def is_done(visitor):
    page = visitor.get("/").text
    return 'data-picture="done"' in page and 'data-welcome="done"' in page


def test_killed_workers_lose_nothing(step_4, picture):
    site, environment = step_4
    random = Random(SEED)
    visitors = []
    for kill in range(KILLS):
        with workers(site, environment, f"consumer-{kill}.log") as process:
            for _ in range(SIGN_UPS // KILLS):
                visitors.append(site.visitor())
                assert visitors[-1].sign_up(picture).status_code == 302
            time.sleep(random.uniform(0, 0.8))
            process.kill()
            process.wait()
    with workers(site, environment, "consumer-last.log"):
        wait_for_all(is_done, visitors)
    mails = [mail["to"][0] for mail in site.standins.inbox]
    copies = [mails.count(visitor.email) for visitor in visitors]
    assert min(copies) == 1
    assert sum(copies) - len(copies) <= KILLS
    assert all(visitor.thumbnail() for visitor in visitors)
    logs = (path.read_text(encoding="utf-8") for path in site.var_dir.parent.glob("consumer-*.log"))
    assert "Queued again" in "".join(logs)  # the kills did hit work, and the repair found it


def test_stopped_workers_hand_back_what_they_were_at(step_4, picture):
    site, environment = step_4
    visitors = [site.visitor() for _ in range(4)]
    site.standins.control(joke_delay=3)
    with workers(site, environment, "consumer-1.log") as process:
        for visitor in visitors:
            visitor.sign_up(picture)
        time.sleep(0.5)
        stop(process)  # SIGTERM, where there is one
    site.standins.control(joke_delay=0)
    with workers(site, environment, "consumer-2.log"):
        wait_for_all(is_done, visitors)


def test_two_consumers_share_the_work(step_4, picture):
    site, environment = step_4
    with ExitStack() as stack:
        for number in range(2):
            stack.enter_context(workers(site, environment, f"consumer-{number}.log"))
        visitors = [site.visitor() for _ in range(10)]
        for visitor in visitors:
            visitor.sign_up(picture)
        wait_for_all(is_done, visitors)
    mails = [mail["to"][0] for mail in site.standins.inbox]
    assert [mails.count(visitor.email) for visitor in visitors] == [1] * len(visitors)


def test_queue_that_was_deleted_is_made_again(step_4, picture):
    site, environment = step_4
    visitor = site.visitor()
    visitor.sign_up(picture)
    for path in site.var_dir.glob("huey.sqlite3*"):
        path.unlink()
    with workers(site, environment, "consumer.log"):
        wait_for_all(is_done, [visitor])


def test_sign_up_survives_a_queue_that_is_no_database(step_4, picture):
    site, environment = step_4
    for path in site.var_dir.glob("huey.sqlite3*"):
        path.write_bytes(b"garbage" * 1000)
    visitor = site.visitor()
    assert visitor.sign_up(picture).status_code == 302
    log = (site.var_dir.parent / "server.log").read_text(encoding="utf-8")
    assert "DatabaseError" in log
    for path in site.var_dir.glob("huey.sqlite3*"):
        path.unlink()
    with workers(site, environment, "consumer.log"):
        wait_for_all(is_done, [visitor])


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_what_a_killed_step_loses(step):
    lost = measure(step, "SIGKILL", count=6)
    everything = 0 if step.has_consumer else 6
    assert (lost["mails_lost"], lost["thumbnails_lost"]) == (everything, everything)
