"""Questions about running tasks, each answered by a test of that name; PRODUCTION.md links here."""

import configparser
import re
import shutil
import sqlite3
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from huey import SqliteHuey
from huey.exceptions import HueyException

from tools.playground.project import LEFT_OUT
from tools.publish.docs import read
from tools.sites.catalogue import BY_NUMBER
from tools.sites.manage import manage, manage_once, new_database
from tools.sites.site import running_site
from tools.sites.visitor import PASSWORD, make_picture

from .conftest import VisitedSite, completed, outbox_site, wait_for, workers
from .test_contract import mail_to, signed_up
from .test_durability import all_is_done_once, is_done

STEP_3, STEP_4, STEP_5 = (BY_NUMBER[number] for number in [3, 4, 5])


# What a task's changed signature does to the tasks that wait


def send_to(user_id):
    return f"sent to {user_id}"


def send_in(user_id, language):
    return f"sent to {user_id} in {language}"


def send_in_english(user_id, language="English"):
    return send_in(user_id, language)


@pytest.fixture
def queue_with_a_waiting_task(tmp_path):
    """A queue's file; the task in it was queued by the code before a deployment."""
    path = tmp_path / "huey.sqlite3"
    task = deployed(path, send_to)
    task(7)
    task.huey.storage.close()
    return path


def deployed(path, function, name="send_welcome_email"):
    """Return the function as a task of a process that has just started, on the queue's file."""
    huey = SqliteHuey(filename=path)
    return huey.task(name=name)(function)


def run_waiting(task):
    """Run the task that waits as a worker would; return its result, or the error it raised."""
    try:
        result = task.huey.execute(task.huey.dequeue())
    except HueyException as error:
        result = error
    assert task.huey.pending_count() == 0
    task.huey.storage.close()
    return result


def test_task_that_waits_fails_when_its_function_asks_for_a_new_argument(
    queue_with_a_waiting_task, caplog
):
    assert run_waiting(deployed(queue_with_a_waiting_task, send_in)) is None
    assert "missing 1 required positional argument: 'language'" in caplog.text


def test_task_that_waits_runs_when_the_new_argument_has_a_default(queue_with_a_waiting_task):
    task = deployed(queue_with_a_waiting_task, send_in_english)
    assert run_waiting(task) == "sent to 7 in English"


def test_task_that_waits_is_lost_when_its_function_was_renamed(queue_with_a_waiting_task):
    error = run_waiting(deployed(queue_with_a_waiting_task, send_to, name="welcome"))
    assert "send_welcome_email not found in TaskRegistry" in str(error)


# Where a task may be imported


def python(step, tmp_path, code):
    """Return what a Python in the step's folder says that knows the settings, and nothing else."""
    variables = {"DJANGO_SETTINGS_MODULE": "config.settings", "VAR_DIR": str(tmp_path)}
    return completed([sys.executable, "-c", code], step.folder, **variables)


def test_tasks_cannot_be_imported_before_the_apps_are_ready(tmp_path):
    result = python(STEP_4, tmp_path, "import accounts.tasks")
    assert "AppRegistryNotReady: Apps aren't loaded yet." in result.stderr


def test_tasks_can_be_imported_after_setup(tmp_path):
    code = "import django; django.setup(); from accounts.tasks import send_welcome_email"
    assert python(STEP_4, tmp_path, code).stderr == ""


def test_receivers_imported_at_the_top_of_apps_py_stop_the_site(tmp_path):
    folder = tmp_path / STEP_4.name
    shutil.copytree(STEP_4.folder, folder, ignore=LEFT_OUT)
    apps = folder / "accounts" / "apps.py"
    text = apps.read_text(encoding="utf-8")
    apps.write_text(f"from . import signals  # noqa: F401\n{text}", encoding="utf-8")
    result = completed(manage("check"), folder)
    assert "AppRegistryNotReady: Apps aren't loaded yet." in result.stderr


# How many mails step 3 sends at once


def test_each_process_of_a_server_has_a_pool_of_its_own(standins, tmp_path):
    """Two servers of one site, as the worker processes of a production server are."""
    standins.control(joke_failure="hang")
    options = {"kind": VisitedSite, "SILENCE_SECONDS": 60, "CONVERSATION_SECONDS": 60}
    with (
        running_site(STEP_3, standins, tmp_path / "var", **options) as first,
        running_site(STEP_3, standins, tmp_path / "var", **options) as second,
    ):
        log, begun, queued = first.timing_log(), Counter(), Counter()

        def all_pools_are_full():
            for record in log.new_records(with_begun=True):
                begun[record["process"]] += record["event"] == "fetch joke"
                queued[record["process"]] += record["event"] == "queue" and bool(record["end"])
            return sum(queued.values()) == 12 and sum(begun.values()) >= 8

        for site in [first, second]:
            for _ in range(6):
                signed_up(site)
        wait_for(all_pools_are_full)
        assert sorted(begun.values()) == [4, 4]


# What PRODUCTION.md shows


def block(language, first_line=""):
    [text] = re.findall(
        rf"```{language}\n({first_line}.*?)```", read("docs/PRODUCTION.md"), re.DOTALL
    )
    return text


def test_what_to_watch_counts_the_jobs_that_nobody_does(tmp_path):
    (tmp_path / "db.sqlite3").write_bytes(new_database(STEP_5))
    past = datetime.now(UTC) - timedelta(hours=1)
    rows = [{"due_at": None}, {"due_at": past}, {"due_at": past}, {}]
    code = f"import datetime\nfrom outbox.models import Job\nfor row in {rows}:\n"
    code += "    Job.objects.create(work='welcome', key='1', **row)\n"
    command = manage("shell", "--no-imports", "--command", code + block("python", "from datetime"))
    result = completed(command, STEP_5.folder, VAR_DIR=str(tmp_path))
    assert result.stdout.split() == ["given_up=1", "late=2"], result.stderr


@pytest.fixture
def unit():
    parser = configparser.ConfigParser()
    parser.optionxform = str
    parser.read_string(block("ini"))
    return parser


def test_systemd_unit_lets_the_workers_finish(unit):
    service, settings = unit["Service"], read("step5_outbox/config/settings.py")
    [limit] = re.findall(r'"CONVERSATION_SECONDS", default=([\d.]+)', settings)
    assert service["KillSignal"] == "SIGINT"  # on which Huey finishes what runs
    assert int(service["TimeoutStopSec"]) > 2 * float(limit)  # the joke, then the mail
    assert service["Restart"] == "always"


def test_systemd_unit_starts_a_command_that_exists(unit, tmp_path):
    *_, name = unit["Service"]["ExecStart"].split()
    result = completed(manage(name, "--help"), STEP_5.folder, VAR_DIR=str(tmp_path))
    assert "number of worker threads" in " ".join(result.stdout.split()), result.stderr


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd")
def test_systemd_accepts_the_unit(unit, tmp_path):
    text = block("ini").replace("/srv/site/.venv/bin/python", f'"{sys.executable}"')
    path = tmp_path / "consumer.service"
    path.write_text(text, encoding="utf-8")
    result = completed(["systemd-analyze", "verify", path])
    said = [line for line in result.stderr.splitlines() if path.name in line]
    assert (said, result.returncode) == ([], 0), result.stderr


# Backups


@contextmanager
def busy_outbox(standins, folder):
    """Run a site with an outbox and no consumer; yield it and those who signed up, ever more."""
    picture, visitors, is_over = make_picture((400, 300)), [], Event()

    def sign_up_one_after_another():
        while not is_over.is_set():
            visitors.append(signed_up(site, picture))

    with outbox_site(standins, folder) as site, ThreadPoolExecutor(1) as thread:
        signing_up = thread.submit(sign_up_one_after_another)
        try:
            yield site, visitors
        finally:
            is_over.set()
        signing_up.result()


def users(database):
    return database.execute("SELECT count(*) FROM accounts_user").fetchone()[0]


def test_restored_backup_has_all_sign_ups_and_their_work_is_done(standins, tmp_path):
    with (
        busy_outbox(standins, tmp_path) as (site, visitors),
        closing(sqlite3.connect(site.var_dir / "db.sqlite3")) as open_connection,
    ):
        # It keeps what was written last in the write-ahead log, as a production server's do.
        users(open_connection)
        wait_for(lambda: len(visitors) >= 3)
        before = visitors[:]
        shutil.copy(site.var_dir / "db.sqlite3", tmp_path / "copy.sqlite3")
        code = block("python", "import shutil").replace("/srv/backups", tmp_path.as_posix())
        manage_once(site.step, site.environment, "shell", "--no-imports", "--command", code)
        wait_for(lambda: len(visitors) > len(before))  # nobody is kept from signing up
    with closing(sqlite3.connect(tmp_path / "copy.sqlite3")) as copy:
        assert users(copy) < len(before)
    [backup] = tmp_path.glob("????-??-??")
    folder = tmp_path / "restored"
    folder.mkdir()
    backup.rename(folder / "var")
    with outbox_site(standins, folder, SIMULATED_RESIZE_SECONDS=0) as restored:
        for visitor in before:
            visitor.url = restored.url
            assert not is_done(visitor)
        with workers(restored, "consumer.log"):
            all_is_done_once(restored, before)


# Confirmed addresses, and limits


@pytest.fixture
def public_site(standins, tmp_path):
    """Step 5 with the two files for allauth, without its consumer."""
    for name, first_words in [("settings", "from config"), ("urls", "from django.urls")]:
        path = tmp_path / f"{name}_public.py"
        path.write_text(block("python", first_words), encoding="utf-8")
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "db.sqlite3").write_bytes(new_database(STEP_5))  # to be migrated
    variables = {"DJANGO_SETTINGS_MODULE": "settings_public", "PYTHONPATH": tmp_path}
    with outbox_site(standins, tmp_path, **variables) as site:
        yield site


def test_allauth_lets_nobody_in_before_the_address_is_confirmed_and_limits_sign_ups(public_site):
    refused, visitor = public_site.visitor(), public_site.visitor()

    def log_in():
        data = {"login": visitor.username, "password": PASSWORD}
        return visitor.post("/login/", data, allow_redirects=False).headers["Location"]

    public_site.standins.control(mail_failure="5xx")
    assert refused.sign_up().status_code == 500  # the confirmation is sent in the request
    query = "SELECT count(*) FROM accounts_user WHERE username = ?"
    assert public_site.rows(query, [refused.username]) == [(1,)]
    public_site.standins.control(mail_failure=None)
    assert visitor.sign_up().headers["Location"] == "/confirm-email/"
    assert log_in() == "/confirm-email/"
    assert visitor.username not in visitor.get("/").text
    [mail] = mail_to(public_site, visitor)
    [link] = re.findall(r"/confirm-email/\S+/", mail["text"])
    assert visitor.post(link, {}, allow_redirects=False).status_code == 302
    assert log_in() == "/"
    assert visitor.username in visitor.get("/").text
    statuses = [public_site.visitor().sign_up().status_code for _ in range(9)]
    assert statuses == [302] * 8 + [429]
