"""The variant of step 4 on Django's own tasks: a newer Django, in an environment of its own."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools.setup.environment import BASE
from tools.sites.catalogue import ROOT
from tools.sites.processes import running
from tools.sites.site import running_site

from .conftest import VisitedSite, completed, wait_for
from .test_contract import PICTURE, home_says, mail_to, signed_up

FOLDER = ROOT / "examples" / "django_tasks"
LOCK = FOLDER / "requirements.txt"
VENV = FOLDER / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
INSTALLED = VENV / "installed.txt"  # the lock that it was made from

DATABASE, HUEY = "variant.settings", "variant.settings_huey"
WORKERS = {
    DATABASE: ["db_worker", "--interval=0.1", "--no-startup-delay", "--no-reload"],
    HUEY: ["run_huey"],
}
STATES = "SELECT status FROM django_tasks_database_dbtaskresult"
WAITING = "SELECT id FROM task UNION ALL SELECT id FROM schedule"  # now or later
ALL_BACKENDS = """
from variant.settings_huey import TASKS as ON_COMMIT
from variant.settings import *
TASKS["on commit"] = ON_COMMIT["default"]
TASKS["at once"] = {"BACKEND": ON_COMMIT["default"]["BACKEND"]}
"""
ROLLED_BACK = """
from accounts.models import User
from django.db import transaction
from django_tasks_db.models import DBTaskResult
from variant.tasks import send_welcome_email
with transaction.atomic():
    User.objects.create_user("ada", "ada@example.com", "secret")
    assert DBTaskResult.objects.count() == 1
    for backend in ["on commit", "at once"]:
        send_welcome_email.using(backend=backend).enqueue(backend)
    transaction.set_rollback(True)
assert not User.objects.exists()
assert not DBTaskResult.objects.exists()
"""

# All tests in one worker of pytest-xdist, or several would make the environment at once.
pytestmark = [pytest.mark.xdist_group("django_tasks"), pytest.mark.usefixtures("with_all_packages")]


def newer_python():
    """Return a Python from 3.12 on that can make environments; skip the test if none is found."""
    found = [BASE, *(shutil.which(f"python3.{minor}") for minor in [14, 13, 12])]
    found += sorted(Path.home().glob(".pyenv/versions/3.1[2-4]*/bin/python"))
    for python in filter(None, found):
        check = [python, "-c", "import sys, venv; print(sys.version_info >= (3, 12))"]
        if subprocess.run(check, capture_output=True, encoding="utf-8").stdout == "True\n":
            return python
    pytest.skip("Django 6.1 needs Python 3.12, and none was found")


@pytest.fixture(scope="session")
def environment():
    """The environment of the variant, made from its lock when it is not there."""
    lock = LOCK.read_text(encoding="utf-8")
    if INSTALLED.exists() and INSTALLED.read_text(encoding="utf-8") == lock:
        return
    if not PYTHON.exists():  # nobody made it by hand, as the README says
        venv = ["-m", "venv", "--clear", "--without-pip", VENV]
        subprocess.run([newer_python(), *venv], check=True)
    if shutil.which("uv"):  # then .venv has no pip
        install = ["uv", "pip", "install", "--python", PYTHON]
    else:
        install = [sys.executable, "-m", "pip", "--python", PYTHON, "install"]
    install += ["--quiet", "--requirement", LOCK]
    result = completed(install)
    if result.returncode and not os.environ.get("CI"):
        pytest.skip(f"could not install Django 6.1: {result.stderr.splitlines()[-1]}")
    assert result.returncode == 0, result.stderr
    INSTALLED.write_text(lock, encoding="utf-8")


def manage(*arguments, **variables):
    """Run the variant's manage.py to its end."""
    result = completed([PYTHON, "manage.py", *arguments], FOLDER, **variables)
    assert result.returncode == 0, result.stderr


@pytest.fixture(scope="session")
def database(environment, tmp_path_factory):
    """The folder of a new database of the variant."""
    folder = tmp_path_factory.mktemp("django_tasks")
    manage("migrate", "--verbosity=0", VAR_DIR=str(folder))
    return folder


@pytest.fixture
def var_dir(database, tmp_path):
    return shutil.copytree(database, tmp_path / "var")


class Variant(VisitedSite):
    """The variant's server. Its database is there already."""

    def migrate(self):
        pass

    def started(self, command, log):
        return super().started([PYTHON, *command[1:]], log)


def rows(path, query):
    with closing(sqlite3.connect(path)) as database:
        return [value for (value,) in database.execute(query)]


@pytest.mark.parametrize("settings", [DATABASE, HUEY])
def test_both_tasks_are_done_and_what_failed_is_not_tried_again(settings, var_dir, standins):
    database = var_dir / "db.sqlite3"
    step = SimpleNamespace(name="django_tasks", folder=FOLDER, has_consumer=False)
    variables = {"DJANGO_SETTINGS_MODULE": settings, "SIMULATED_RESIZE_SECONDS": 0}
    with running_site(step, standins, var_dir, kind=Variant, **variables) as site:
        command = [PYTHON, "manage.py", *WORKERS[settings]]
        log = var_dir.parent / "worker.log"
        with running(command, log, cwd=FOLDER, env=site.environment):
            standins.control(mail_failure="5xx")
            unlucky = signed_up(site)
            home_says(unlucky, 'data-welcome="failed"')
            standins.control(mail_failure=None)
            lucky = signed_up(site, PICTURE)
            home_says(lucky, 'data-welcome="done"')
            home_says(lucky, 'data-picture="done"')
            if settings == DATABASE:
                states = ["FAILED", "SUCCESSFUL", "SUCCESSFUL"]
                wait_for(lambda: sorted(rows(database, STATES)) == states)
            else:
                assert rows(database, STATES) == rows(var_dir / "huey.sqlite3", WAITING) == []
    assert (len(mail_to(site, unlucky)), len(mail_to(site, lucky))) == (0, 1)


def test_only_huey_without_its_option_queues_what_is_rolled_back(var_dir, tmp_path):
    (tmp_path / "all_backends.py").write_text(ALL_BACKENDS, encoding="utf-8")
    variables = {"VAR_DIR": str(var_dir), "PYTHONPATH": str(tmp_path)}
    shell = ["shell", "--no-imports", "--settings=all_backends"]
    manage(*shell, f"--command={ROLLED_BACK}", **variables)
    [task] = rows(var_dir / "huey.sqlite3", "SELECT data FROM task")
    assert b"at once" in task
