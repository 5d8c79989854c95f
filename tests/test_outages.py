"""Step 4 goes on when what it needs fails for a while, and then does it or says what failed."""

import re
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager, suppress
from io import BytesIO
from random import Random

import psutil
import pytest
from PIL import Image

from tools.manage import manage
from tools.standins import Standins
from tools.visitor import PASSWORD, make_picture

from .conftest import outbox_site, workers
from .test_contract import home_says, mail_to, user_count, wait_for
from .test_durability import has_begun, is_done, jobs, wait_for_all

NO_WAIT = {"joke_delay": 0, "mail_delay": 0}


# The joke API and the mail server


def sign_up_during(site, failures, what, picture):
    """Return visitors who signed up while each of the failures lasted, and were answered."""
    visitors = []
    for failure in failures:
        site.standins.control(**{what: failure})
        visitors.append(site.visitor())
        assert visitors[-1].sign_up(picture).status_code == 302
        home_says(visitors[-1], f"<h1>{visitors[-1].username}</h1>")
    return visitors


def test_joke_api_that_fails_keeps_no_mail_back(outbox, picture):
    site = outbox
    with workers(site, "consumer.log"):
        failures = ["500", "reset", "garbage", "hang", "drip", "flood"]
        visitors = sign_up_during(site, failures, "joke_failure", picture)
        wait_for_all(is_done, visitors)
    mails = [mail_to(site, visitor) for visitor in visitors]
    assert ["No joke today" in mail["text"] for [mail] in mails] == [True] * len(visitors)
    assert all(visitor.thumbnail() for visitor in visitors)


def test_sign_ups_while_the_mail_server_fails_are_answered_and_done_afterwards(outbox, picture):
    site = outbox
    with workers(site, "consumer.log"):
        failures = ["4xx", "5xx", "reset", "garbage", "hang", "drip", "flood"]
        visitors = sign_up_during(site, failures, "mail_failure", picture)
        for visitor in visitors:
            home_says(visitor, 'data-welcome="failed"')
        site.standins.control(mail_failure=None)
        wait_for_all(is_done, visitors)
    assert [len(mail_to(site, visitor)) for visitor in visitors] == [1] * len(visitors)
    assert all(visitor.thumbnail() for visitor in visitors)


@pytest.mark.parametrize(
    ("up", "down"), [("smtp_port", "http_port"), ("http_port", "smtp_port")], ids=["joke", "mail"]
)
def test_sign_up_while_nothing_listens_is_answered_and_done_afterwards(tmp_path, picture, up, down):
    with Standins(http_port=0, smtp_port=0) as first:
        ports = {up: getattr(first, up), down: getattr(first, down)}
    with outbox_site(first, tmp_path) as site, workers(site, "log"):
        visitor = site.visitor()
        with Standins(**{up: ports[up], down: 0}, **NO_WAIT) as before:
            assert visitor.sign_up(picture).status_code == 302
            if up == "http_port":
                home_says(visitor, 'data-welcome="failed"')
            home_says(visitor, 'data-picture="done"')
        with Standins(**ports, **NO_WAIT) as after:
            wait_for_all(is_done, [visitor])
        assert [mail["to"] for mail in before.inbox + after.inbox] == [[visitor.email]]


# A disk that is full

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


def log_of(site, name=None):
    log = site.log.with_name(name) if name else site.log
    return log.read_text(encoding="utf-8", errors="replace")


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
def test_picture_that_the_disk_has_no_room_for_leaves_nothing_behind(outbox, picture):
    site = outbox
    [process], visitor, folder = site.server_processes(), site.visitor(), site.var_dir.parent
    in_a_temporary_file = picture + b"\0" * 3_000_000
    for content in [picture, in_a_temporary_file]:
        log = log_of(site)
        with full_disk(process, 1_000_000):
            answer = visitor.sign_up(content)
        assert answer.status_code == 500
        assert PASSWORD not in answer.text
        said = log_of(site).removeprefix(log)
        assert re.search(r"^OSError: .*File too large", said, re.MULTILINE)
        assert site.rows("SELECT id FROM accounts_user") == []
        assert site.files() == set()
        assert list(folder.glob("*.upload*")) == []
    assert visitor.sign_up(in_a_temporary_file).status_code == 302
    assert list(folder.glob("*.upload*")) == []
    with workers(site, "consumer.log"):
        wait_for_all(is_done, [visitor])


@on_linux
def test_picture_of_a_sign_up_that_could_not_be_committed_is_not_kept(outbox):
    site = outbox
    [process] = site.server_processes()
    first, visitor = site.visitor(), site.visitor()
    assert first.sign_up().status_code == 302  # the database's files are there, and open
    with full_disk(process, 16_000):
        answer = visitor.sign_up(make_picture((120, 90)))
    assert answer.status_code == 500
    assert PASSWORD not in answer.text
    assert "OperationalError: disk I/O error" in log_of(site)
    assert user_count(site, username=visitor.username) == 0
    assert site.files() == set()


@on_linux
def test_sign_up_on_a_full_disk_is_refused_or_complete(outbox):
    site = outbox
    [process] = site.server_processes()
    visitors, answers = [], []
    # More and more gets written: nothing, the user's rows, the tasks, the session, everything.
    for size in range(20_000, 70_000, 6_000):
        wait_for(lambda: empty_write_ahead_log(site, "db.sqlite3"))
        visitors.append(visitor := site.visitor())
        log = log_of(site)
        with full_disk(process, size):
            answers.append(visitor.sign_up())
        assert answers[-1].status_code == 302 or "Traceback" in log_of(site).removeprefix(log)
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
        for visitor in visitors:
            home_says(visitor, 'data-welcome="done"')
    assert [len(mail_to(site, visitor)) for visitor in visitors] == [1] * len(visitors)


@on_linux
def test_thumbnail_that_the_disk_has_no_room_for_leaves_its_reason(standins, tmp_path):
    with (
        outbox_site(standins, tmp_path, SIMULATED_RESIZE_SECONDS=3) as site,
        workers(site, "consumer.log") as process,
    ):

        def suspended_while_idle():
            process.suspend()
            files = ["huey.sqlite3", "db.sqlite3"]
            idle = all(empty_write_ahead_log(site, file) for file in files)
            if not idle:
                process.resume()
            return idle

        visitor, begun = site.visitor(), has_begun(site, "resize picture")
        assert visitor.sign_up(noise((300, 300))).status_code == 302
        [original] = site.files()
        wait_for(lambda: begun() and jobs(site, "welcome") == [])
        # Or the databases would need so much room, too.
        wait_for(suspended_while_idle)
        with full_disk(process, 60_000):
            process.resume()
            home_says(visitor, 'data-picture="failed"')
            home_says(visitor, "File too large")
            assert visitor.thumbnail() is None
    assert "OSError: [Errno 27] File too large" in log_of(site, "consumer.log")
    assert site.files() == {original}


@on_linux
def test_workers_go_on_when_a_full_disk_has_room_again(outbox, picture):
    site = outbox
    visitor = site.visitor()
    with workers(site, "consumer.log") as process:
        with full_disk(process, 4_000):
            assert visitor.sign_up(picture).status_code == 302
            wait_for(lambda: "disk I/O error" in log_of(site, "consumer.log"))
            assert not is_done(visitor)
        wait_for_all(is_done, [visitor])
    assert len(mail_to(site, visitor)) == 1


# Pictures that are not what they were when their task was queued

UPRIGHT = make_picture((300, 400))


def stored_picture(site):
    [path] = (site.var_dir / "media" / "pictures").iterdir()
    return path


def test_picture_that_is_missing_is_said_to_be_and_resized_as_it_is_when_it_is_back(
    outbox, picture
):
    site = outbox
    visitor = site.visitor()
    visitor.sign_up(picture)
    original = stored_picture(site)
    original.unlink()
    with workers(site, "consumer.log"):
        home_says(visitor, 'data-picture="failed"')
        home_says(visitor, "not resized: [Errno 2] No such file or directory")
        home_says(visitor, 'data-welcome="done"')
        other = site.var_dir / "upright.jpeg"
        other.write_bytes(UPRIGHT)
        other.rename(original)  # at once: no worker finds half of it
        wait_for_all(is_done, [visitor])
    assert visitor.thumbnail().size == (225, 300)
    assert len(mail_to(site, visitor)) == 1


REPLACE = """
from accounts.models import Profile
profile = Profile.objects.get()
profile.picture = "pictures/new.jpeg"
profile.save(update_fields=["picture"])
"""


@pytest.mark.parametrize("old_one", ["kept", "deleted"])
def test_picture_that_is_replaced_while_it_is_resized_is_resized_in_the_end(
    standins, tmp_path, picture, old_one
):
    with outbox_site(standins, tmp_path, SIMULATED_RESIZE_SECONDS=2) as site:
        visitor, begun = site.visitor(), has_begun(site, "resize picture")
        visitor.sign_up(picture)
        old = stored_picture(site)
        (old.parent / "new.jpeg").write_bytes(UPRIGHT)
        with workers(site, "consumer.log"):
            wait_for(begun)
            replacing = manage("shell", "--command", REPLACE)
            subprocess.run(replacing, cwd=site.step.folder, env=site.environment, check=True)
            if old_one == "deleted":
                old.unlink()
            wait_for(lambda: jobs(site) == [])
        home_says(visitor, 'data-picture="done"')
        assert visitor.thumbnail().size == (225, 300)
        assert len(list((site.var_dir / "media" / "thumbnails").iterdir())) == 1
