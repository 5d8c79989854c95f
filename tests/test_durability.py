"""What a killed process loses in step 4, and nothing in step 5: real processes, real kills."""

import os
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from random import Random

import pytest
import requests

from tools.measure.losses import measure
from tools.sites.catalogue import BY_NUMBER
from tools.sites.manage import manage, manage_once
from tools.sites.processes import has_ended, kill, stop
from tools.sites.site import running_site, words
from tools.sites.visitor import PASSWORD, Visitor

from .conftest import LIGHT, VisitedSite, completed, wait_for, workers
from .test_contract import PICTURE, mail_to, signed_up, user_count

KILLS = int(os.environ.get("KILLS", "5"))  # more for a longer run
SIGN_UPS = 5  # before each
SEED = int(os.environ.get("SEED", "1"))
LIMIT = 120  # seconds, for what never happens
posix_only = pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")


def wait_until_done(site, work="%"):
    """Wait until no such job is left, which costs far less to ask for than every visitor's page."""
    wait_for(lambda: not jobs(site, work), LIMIT)


def all_is_done_once(site, visitors):
    """Wait until all work is done; check that each page says so, and that each mail came once."""
    wait_until_done(site)
    for visitor in visitors:
        assert is_done(visitor)
        assert visitor.thumbnail()
        assert len(mail_to(site, visitor)) == 1


def is_done(visitor):
    page = visitor.get("/").text
    return 'data-picture="done"' in page and 'data-welcome="done"' in page


def jobs(site, work="%"):
    """Return the jobs that the site's outbox remembers, in the order of their rows."""
    query = "SELECT work, attempts, due_at, claimed_by, error FROM outbox_job WHERE work LIKE ?"
    return site.rows(f"{query} ORDER BY id", [work])


def has_begun(site, event, times=1):
    """Return a function that tells whether such work was begun so often since this call."""
    log, events = site.timing_log(), []

    def begun():
        events.extend(record["event"] for record in log.new_records(with_begun=True))
        return events.count(event) >= times

    return begun


def test_killed_workers_lose_nothing(outbox):
    site, random = outbox, Random(SEED)
    visitors, attempts, lease = [], [], {"OUTBOX_LEASE_SECONDS": 4}
    for number in range(KILLS):
        with workers(site, f"consumer-{number}.log", **lease) as process:
            visitors += [signed_up(site, PICTURE) for _ in range(SIGN_UPS)]
            time.sleep(random.uniform(0, 0.8))
            kill(process)
        attempts += [job[1] for job in jobs(site)]
    with workers(site, "consumer-last.log", **lease):
        wait_until_done(site)
    # Their pages say no more, and cost far more to ask for.
    assert site.rows("SELECT count(welcome_sent_at) FROM accounts_profile") == [(len(visitors),)]
    thumbnails = {name for (name,) in site.rows("SELECT thumbnail FROM accounts_profile")}
    assert len(thumbnails) == len(visitors)
    assert all((site.var_dir / "media" / name).is_file() for name in thumbnails)
    mails = [mail["to"][0] for mail in site.standins.inbox]
    copies = [mails.count(visitor.email) for visitor in visitors]
    assert min(copies) == 1
    assert sum(copies) - len(copies) <= 2 * KILLS  # each of two workers may just have sent one
    assert any(attempts)  # the kills did hit work


@pytest.fixture(scope="module")
def started_step_4(started_standins, tmp_path_factory):
    options = LIGHT | {"kind": VisitedSite, "workers": 2, "SIMULATED_RESIZE_SECONDS": 1}
    var_dir = tmp_path_factory.mktemp("step_4") / "var"
    with running_site(BY_NUMBER[4], started_standins, var_dir, **options) as site:
        yield site
    assert has_ended(site.server) and has_ended(site.consumer)


@pytest.fixture
def step_4(started_step_4, standins):
    return started_step_4


def test_worker_that_is_killed_in_step_4_loses_what_it_was_at_and_nothing_else(step_4):
    site = step_4
    server, consumer = site.server, site.consumer
    site.standins.control(joke_failure="hang")
    begun = has_begun(site, "fetch joke")
    lost = signed_up(site)
    wait_for(begun)
    site.kill()
    assert has_ended(consumer)
    kept = signed_up(site, PICTURE)  # the server goes on
    site.standins.control(joke_failure=None)
    site.start_again()
    assert site.server == server and site.consumer != consumer
    wait_for(lambda: is_done(kept) and kept.thumbnail(), pause=0.2)
    not_greeted = """
        SELECT username FROM accounts_user JOIN accounts_profile ON id = user_id
        WHERE welcome_sent_at IS NULL"""
    assert site.rows(not_greeted) == [(lost.username,)]
    assert queued_tasks(site) == []
    assert mail_to(site, lost) == []
    assert len(mail_to(site, kept)) == 1


def delete_queue(site):
    for path in site.var_dir.glob("huey.sqlite3*"):
        path.unlink()


def restart_server(site):
    kill(site.server)
    site.start_server()


@posix_only  # Windows deletes no file that is open
@pytest.mark.parametrize(("first", "comes_late"), [("server", True), ("consumer", False)])
def test_deleted_queue_of_step_4_loses_tasks_once_one_process_restarts(step_4, first, comes_late):
    """Without an error. What a restarted server queues waits for the consumer to open its file."""
    site, restarts = step_4, [restart_server, VisitedSite.kill_and_restart]
    if first == "consumer":
        restarts.reverse()

    def is_well():
        visitor = signed_up(site)
        return wait_for(lambda: mail_to(site, visitor))

    assert is_well()
    said_before = len(words(site.log)), len(words(site.consumer_log))
    delete_queue(site)
    assert is_well()  # both go on with the deleted file
    restarts[0](site)
    unlucky = signed_up(site)
    assert bool(queued_tasks(site)) == comes_late
    restarts[1](site)
    assert is_well()
    assert bool(mail_to(site, unlucky)) == comes_late
    logs = words(site.log)[said_before[0] :] + words(site.consumer_log)[said_before[1] :]
    assert "Traceback" not in logs


@posix_only
def test_stopped_workers_hand_back_what_they_were_at(outbox):
    # With a lease that this test would not live to see the end of, and workers that don't give up
    # the joke: one that is stopped between taking a task and claiming a job hands nothing back.
    patient = {"SILENCE_SECONDS": 600, "CONVERSATION_SECONDS": 600, "OUTBOX_LEASE_SECONDS": 3600}
    site = outbox
    site.standins.control(joke_failure="hang")
    both_have_begun = has_begun(site, "fetch joke", times=2)
    with workers(site, "consumer-1.log", **patient) as process:
        visitors = [signed_up(site, PICTURE) for _ in range(4)]
        wait_for(both_have_begun)
        stop(process)  # by SIGTERM
    site.standins.control(joke_failure=None)
    with workers(site, "consumer-2.log", **patient):
        all_is_done_once(site, visitors)


@posix_only
def test_worker_that_was_stopped_for_longer_than_its_lease_changes_nothing(outbox):
    variables = {"OUTBOX_LEASE_SECONDS": 2, "SIMULATED_RESIZE_SECONDS": 1}
    site, begun = outbox, has_begun(outbox, "resize picture")
    with workers(site, "consumer-stopped.log", **variables) as stopped:
        visitor = signed_up(site, PICTURE)
        wait_for(begun)
        stopped.suspend()
        try:
            with workers(site, "consumer-alive.log", **variables):
                wait_until_done(site)
                assert is_done(visitor) and visitor.thumbnail()
                [(done,)] = site.rows("SELECT thumbnail FROM accounts_profile")
                files, ended = site.files(), site.timing_log()
        finally:
            stopped.resume()
        wait_for(lambda: [r for r in ended.new_records() if r["event"] == "resize picture"])
        site.remove_orphans()  # the thumbnail that came too late, which no row names
        assert site.files() == files
    assert site.rows("SELECT thumbnail FROM accounts_profile") == [(done,)]
    assert jobs(site) == []


def test_job_that_kills_its_worker_is_given_up_and_takes_no_other_along(outbox):
    poison = LIGHT | {"DJANGO_SETTINGS_MODULE": "poison_settings"}
    poison |= {"OUTBOX_LEASE_SECONDS": 3, "OUTBOX_MAX_ATTEMPTS": 6}
    site = outbox
    site.standins.control(mail_delay=0.3)
    owner = signed_up(site, PICTURE)
    innocent = [signed_up(site) for _ in range(6)]

    def is_given_up():
        [(*_, error)] = jobs(site, "picture")
        return error == "killed its worker: given up after 6 attempts"

    for number in range(40):  # as a supervisor starts it again and again
        with workers(site, f"consumer-{number}.log", **poison) as process:
            wait_for(lambda process=process: has_ended(process) or is_given_up())
        if is_given_up():
            break
    with workers(site, "consumer-last.log"):
        wait_until_done(site, "welcome")
    assert is_given_up()
    assert all(mail_to(site, visitor) for visitor in [owner, *innocent])
    assert "killed its worker" in owner.get("/").text


def test_two_consumers_share_the_work(outbox):
    site = outbox
    log = site.timing_log()
    with ExitStack() as stack:
        for number in range(2):
            stack.enter_context(workers(site, f"consumer-{number}.log"))
        all_is_done_once(site, [signed_up(site, PICTURE) for _ in range(10)])
    resized = [record for record in log.new_records() if record["event"] == "resize picture"]
    assert len({record["process"] for record in resized}) == 2


@posix_only
@pytest.mark.parametrize("restarted", ["server", "consumer"])
def test_queue_that_is_deleted_loses_nothing_whichever_process_restarts(outbox, restarted):
    """The repair queues in the consumer's own file."""
    site = outbox
    hasty = LIGHT | {"DJANGO_SETTINGS_MODULE": "hasty_settings"}  # a repair each second
    with ExitStack() as stack:
        consumer = stack.enter_context(workers(site, "consumer-1.log", **hasty))
        visitors = [signed_up(site, PICTURE)]
        wait_until_done(site)
        delete_queue(site)
        visitors.append(signed_up(site, PICTURE))
        if restarted == "server":
            restart_server(site)
        else:
            kill(consumer)
            stack.enter_context(workers(site, "consumer-2.log", **hasty))
        visitors.append(signed_up(site, PICTURE))
        all_is_done_once(site, visitors)


def test_queue_that_is_no_database_stops_a_process_at_its_start(outbox):
    kill(outbox.server)
    delete_queue(outbox)
    (outbox.var_dir / "huey.sqlite3").write_bytes(b"garbage" * 1_000)
    for name in ["check", "run_huey"]:
        result = completed(manage(name), outbox.step.folder, **outbox.environment)
        assert result.returncode == 1
        assert result.stderr.strip().endswith("sqlite3.DatabaseError: file is not a database")
    delete_queue(outbox)


def queued_tasks(site):
    with closing(sqlite3.connect(site.var_dir / "huey.sqlite3")) as queue:
        return queue.execute("SELECT id FROM task").fetchall()


def kill_server_during_sign_up(site, visitor, name, is_moment):
    """Kill the server when it waits, as it does for five seconds, for a database that is locked."""
    with ThreadPoolExecutor() as threads:
        with closing(sqlite3.connect(site.var_dir / name)) as database:
            database.execute("BEGIN EXCLUSIVE")
            answer = threads.submit(visitor.sign_up, PICTURE)
            wait_for(is_moment)
            kill(site.server)
        with pytest.raises(requests.ConnectionError):
            answer.result()


def test_server_killed_between_the_commit_and_the_queue_loses_nothing(outbox):
    site = outbox
    signed_up(site)
    queued, visitor = queued_tasks(site), site.visitor()
    kill_server_during_sign_up(
        site, visitor, "huey.sqlite3", lambda: user_count(site, username=visitor.username)
    )
    assert queued_tasks(site) == queued
    site.start_server()
    with workers(site, "consumer.log"):
        visitor = Visitor(site.url, visitor.username)
        visitor.post("/login/", {"username": visitor.username, "password": PASSWORD})
        all_is_done_once(site, [visitor])


def test_picture_whose_server_was_killed_before_the_commit_is_removed_a_day_later(outbox):
    site, folder = outbox, outbox.var_dir / "media" / "pictures"
    signed_up(site, PICTURE)
    named = site.files()
    kill_server_during_sign_up(site, site.visitor(), "db.sqlite3", lambda: site.files() > named)
    for path in folder.iterdir():
        os.utime(path, (0, 0))
    (folder / "new.jpeg").write_bytes(PICTURE)  # as if its sign-up went on
    manage_once(site.step, site.environment, "remove_orphans")
    assert site.files() == named | {"new.jpeg"}


@posix_only
def test_what_a_killed_step_loses():
    """As the table of losses counts it; the tests of the race kill all five steps."""
    lost = measure(BY_NUMBER[3], "SIGKILL", count=6)
    assert (lost["mails_lost"], lost["thumbnails_lost"]) == (6, 6)
    lost = measure(BY_NUMBER[4], "SIGKILL", count=6)
    assert lost["mails_lost"] + lost["thumbnails_lost"] >= 2  # what the two workers were at
