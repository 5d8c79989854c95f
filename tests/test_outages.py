"""Step 5 goes on when what it needs fails for a while, and then does it or says what failed."""

import re
import sqlite3
import sys
from contextlib import closing, contextmanager, suppress
from io import BytesIO
from random import Random

import psutil
import pytest
from PIL import Image

from tools.sites.manage import manage_once
from tools.sites.site import words
from tools.sites.visitor import PASSWORD, make_picture
from tools.standins.standins import Standins

from .conftest import wait_for, workers
from .test_contract import PICTURE, home_says, mail_to, signed_up, user_count
from .test_durability import all_is_done_once, has_begun, is_done, jobs, wait_until_done

NO_WAIT = {"joke_delay": 0, "mail_delay": 0}
UPRIGHT = make_picture((300, 400))


# The joke API and the mail server


def sign_up_during(site, failures, what):
    """Return visitors who signed up while each of the failures lasted, and were answered."""
    visitors = []
    for failure in failures:
        site.standins.control(**{what: failure})
        visitors.append(signed_up(site, PICTURE))
        assert f"<h1>{visitors[-1].username}</h1>" in visitors[-1].get("/").text
    return visitors


def test_sign_ups_while_joke_api_or_mail_server_fail_are_answered_and_done_afterwards(outbox):
    site = outbox
    with workers(site, "consumer.log"):
        failures = ["500", "reset", "garbage", "hang", "drip", "flood"]
        without_joke = sign_up_during(site, failures, "joke_failure")
        # No mail waits for the joke API, which fails to this moment.
        wait_for(lambda: jobs(site) == [])
        site.standins.control(joke_failure=None)

        failures = ["4xx", "reset", "garbage", "hang", "drip", "flood"]
        greeted_late = sign_up_during(site, failures, "mail_failure")
        for visitor in greeted_late:
            home_says(visitor, 'data-welcome="retrying"')
        site.standins.control(mail_failure=None)
        all_is_done_once(site, [*without_joke, *greeted_late])
    mails = [mail for visitor in without_joke for mail in mail_to(site, visitor)]
    assert ["No joke today" in mail["text"] for mail in mails] == [True] * len(without_joke)


def test_sign_up_while_nothing_listens_is_answered_and_done_afterwards(outbox):
    site = outbox
    with Standins(http_port=0, smtp_port=0) as first:
        ports = {"http_port": 0, "joke_port": first.joke_port, "smtp_port": first.smtp_port}
        addresses = {"JOKE_API_URL": first.joke_url, "EMAIL_PORT": first.smtp_port}
    with workers(site, "consumer.log", **addresses):
        with Standins(**ports | {"joke_port": 0}, **NO_WAIT) as without_joke_api:
            visitors = [signed_up(site, PICTURE)]
            wait_until_done(site)
        with Standins(**ports | {"smtp_port": 0}, **NO_WAIT):
            visitors.append(signed_up(site, PICTURE))
            home_says(visitors[1], 'data-welcome="retrying"')
            home_says(visitors[1], 'data-picture="done"')
        with Standins(**ports, **NO_WAIT) as after:
            wait_until_done(site)
    assert all(map(is_done, visitors))
    inboxes = [without_joke_api.inbox, after.inbox]
    assert [mail["to"] for [mail] in inboxes] == [[visitor.email] for visitor in visitors]
    assert ["No joke today" in mail["text"] for [mail] in inboxes] == [True, False]


# A disk that is full

TOO_LARGE, NO_COMMIT = r"^OSError: .*File too large", "OperationalError: disk I/O error"
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="limits a process that runs")


@contextmanager
def full_disk(process, size):
    """Let the process write no file beyond so many bytes, as on a disk without space."""
    soft, hard = process.rlimit(psutil.RLIMIT_FSIZE)
    process.rlimit(psutil.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        process.rlimit(psutil.RLIMIT_FSIZE, (soft, hard))


def noise(size):
    """Return a JPEG that stays large however small it is scaled."""
    content = BytesIO()
    Image.frombytes("RGB", size, Random(1).randbytes(3 * size[0] * size[1])).save(content, "JPEG")
    return content.getvalue()


def empty_write_ahead_log(site, name):
    """Bring the database's -wal file down to nothing; return whether nobody hindered it."""
    busy = True
    with (
        closing(sqlite3.connect(site.var_dir / name, timeout=0)) as database,
        suppress(sqlite3.OperationalError),  # locked by a process that was suspended as it wrote
    ):
        [busy, *_] = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


@on_linux
@pytest.mark.parametrize(
    ("content", "size", "error"),
    [
        pytest.param(PICTURE + b"\0" * 1_500_000, 1_000_000, TOO_LARGE, id="in memory"),
        pytest.param(PICTURE + b"\0" * 3_000_000, 1_000_000, TOO_LARGE, id="in a temporary file"),
        pytest.param(make_picture((120, 90)), 16_000, NO_COMMIT, id="stored, but not committed"),
    ],
)
def test_picture_of_a_sign_up_that_a_full_disk_fails_is_not_kept(outbox, content, size, error):
    site = outbox
    [process], folder = site.server_processes(), site.var_dir.parent
    visitors = [signed_up(site), site.visitor()]  # the database's files are there, and open
    log = words(site.log)
    with full_disk(process, size):
        answer = visitors[1].sign_up(content)
    assert answer.status_code == 500
    assert PASSWORD not in answer.text
    assert re.search(error, words(site.log).removeprefix(log), re.MULTILINE)
    assert user_count(site, username=visitors[1].username) == 0
    site.remove_orphans()
    assert site.files() == set()
    assert list(folder.glob("*.upload*")) == []
    assert visitors[1].sign_up(content).status_code == 302
    assert list(folder.glob("*.upload*")) == []
    with workers(site, "consumer.log"):
        wait_until_done(site)
    assert is_done(visitors[1]) and visitors[1].thumbnail()


@on_linux
def test_sign_up_on_a_full_disk_is_refused_or_complete(outbox):
    site = outbox
    [process] = site.server_processes()
    visitors, answers = [], []
    # More and more gets written: nothing, the user's rows, the tasks, the session, everything.
    for size in range(20_000, 92_000, 8_000):
        wait_for(lambda: empty_write_ahead_log(site, "db.sqlite3"))
        visitors.append(visitor := site.visitor())
        log = words(site.log)
        with full_disk(process, size):
            answers.append(visitor.sign_up())
        assert answers[-1].status_code == 302 or "Traceback" in words(site.log).removeprefix(log)
        saved = user_count(site, username=visitor.username)
        assert saved or answers[-1].status_code == 500
        without_profile = "SELECT id FROM accounts_user EXCEPT SELECT user_id FROM accounts_profile"
        assert site.rows(without_profile) == []
        if saved:
            visitor.post("/login/", {"username": visitor.username, "password": PASSWORD})
        else:
            assert visitor.sign_up().status_code == 302
    assert {answers[0].status_code, answers[-1].status_code} == {500, 302}
    with workers(site, "consumer.log"):
        wait_until_done(site)
    for visitor in visitors:
        assert 'data-welcome="done"' in visitor.get("/").text
    assert [len(mail_to(site, visitor)) for visitor in visitors] == [1] * len(visitors)


@on_linux
def test_thumbnail_that_the_disk_has_no_room_for_leaves_its_reason(outbox):
    site, log = outbox, outbox.log.with_name("consumer.log")
    with workers(site, log.name, SIMULATED_RESIZE_SECONDS=3) as process:

        def suspended_while_idle():
            process.suspend()
            files = ["huey.sqlite3", "db.sqlite3"]
            idle = all(empty_write_ahead_log(site, file) for file in files)
            if not idle:
                process.resume()
            return idle

        begun = has_begun(site, "resize picture")
        visitor = signed_up(site, noise((300, 300)))
        [original] = site.files()
        wait_for(lambda: begun() and jobs(site, "welcome") == [])
        # Or the databases would need so much room, too.
        wait_for(suspended_while_idle)
        with full_disk(process, 60_000):
            process.resume()
            home_says(visitor, 'data-picture="retrying"')
            home_says(visitor, "File too large")
            assert visitor.thumbnail() is None
    assert "OSError: [Errno 27] File too large" in words(log)
    site.remove_orphans()
    assert site.files() == {original}


@on_linux
def test_workers_go_on_when_a_full_disk_has_room_again(outbox):
    site, log = outbox, outbox.log.with_name("consumer.log")
    with workers(site, log.name) as process:
        with full_disk(process, 4_000):
            visitor = signed_up(site, PICTURE)
            wait_for(lambda: "disk I/O error" in words(log))
            assert not is_done(visitor)
        all_is_done_once(site, [visitor])


# Pictures that are not what they were when their task was queued


def stored_picture(site, visitor):
    query = """
        SELECT picture FROM accounts_profile JOIN accounts_user ON id = user_id
        WHERE username = ?"""
    [(name,)] = site.rows(query, [visitor.username])
    return site.var_dir / "media" / name


def test_picture_that_is_missing_is_said_to_be_and_resized_as_it_is_when_it_is_back(outbox):
    site = outbox
    visitor = signed_up(site, PICTURE)
    original = stored_picture(site, visitor)
    original.unlink()
    with workers(site, "consumer.log"):
        home_says(visitor, 'data-picture="retrying"')
        home_says(
            visitor, "not resized yet, will be tried again: [Errno 2] No such file or directory"
        )
        home_says(visitor, 'data-welcome="done"')
        other = site.var_dir / "upright.jpeg"
        other.write_bytes(UPRIGHT)
        other.rename(original)  # at once: no worker finds half of it
        all_is_done_once(site, [visitor])
    assert visitor.thumbnail().size == (225, 300)


REPLACE = """
from accounts.models import Profile
for profile in Profile.objects.all():
    profile.picture = profile.picture.name.replace(".", "-new.")
    profile.save(update_fields=["picture"])
"""


def test_picture_that_is_replaced_while_it_is_resized_is_resized_in_the_end(outbox):
    """Whether the old one is kept, as Django does, or deleted."""
    site, begun = outbox, has_begun(outbox, "resize picture", times=2)
    visitors = [signed_up(site, PICTURE) for _ in range(2)]
    kept, deleted = (stored_picture(site, visitor) for visitor in visitors)
    for old in [kept, deleted]:
        old.with_stem(f"{old.stem}-new").write_bytes(UPRIGHT)
    # Enough workers for the new picture to be resized while the old one still is.
    with workers(site, "consumer.log", "--workers=4", SIMULATED_RESIZE_SECONDS=3):
        wait_for(begun)
        manage_once(site.step, site.environment, "shell", "--command", REPLACE)
        deleted.unlink()
        wait_until_done(site)
    for visitor in visitors:
        assert is_done(visitor)
        assert visitor.thumbnail().size == (225, 300)
    site.remove_orphans()
    assert len(list((site.var_dir / "media" / "thumbnails").iterdir())) == len(visitors)
