"""The metrics of a web server of the cluster: a real one, with its settings on SQLite."""

import sqlite3
from contextlib import closing
from importlib.util import find_spec

import pytest

from tools.catalogue import STEPS
from tools.sites import running_site

from .conftest import VisitedSite

for package in ["boto3", "django_prometheus", "psycopg", "redis", "storages", "whitenoise"]:
    if not find_spec(package):
        pytest.skip(f"{package} is not installed", allow_module_level=True)

ON_SQLITE = """
from config.settings_cluster import *
from config.settings import DATABASES
"""
GIVEN = {
    "DJANGO_SETTINGS_MODULE": "on_sqlite",
    "SECRET_KEY": "for a test alone",
    "DATABASE_URL": "postgres://db.example.com/signup",
    "HUEY_URL": "redis://queue.example.com",
    "MEDIA_BUCKET": "pictures",
    "WITHOUT_TLS": "on",
    "HEALTH_TOKEN": "secret",
}
# Two due, one of them for an hour; one leased; one given up. Nothing of pictures.
JOBS = """
INSERT INTO outbox_job (work, key, due_at, attempts, claim, error) VALUES
('welcome', '1', datetime('now', '-1 hour'), 0, '', ''),
('welcome', '2', datetime('now', '-1 minute'), 1, 'gone', ''),
('welcome', '3', datetime('now', '+1 hour'), 1, 'busy', ''),
('welcome', '4', NULL, 9, '', 'refused')
"""


@pytest.fixture
def site(standins, tmp_path):
    (tmp_path / "on_sqlite.py").write_text(ON_SQLITE, encoding="utf-8")
    options = {"kind": VisitedSite, "with_consumer": False, "PYTHONPATH": tmp_path}
    with running_site(STEPS[-1], standins, tmp_path / "var", **options, **GIVEN) as site:
        yield site


def metrics(visitor, token="secret"):
    """Return the status, and the value of each metric."""
    response = visitor.get("/metrics/", headers={"Authorization": f"Bearer {token}"})
    lines = [line for line in response.text.splitlines() if not line.startswith("#")]
    pairs = [line.rsplit(" ", 1) for line in lines]
    return response.status_code, {name: float(value) for name, value in pairs}


def test_metrics_count_requests_and_jobs_for_who_sends_the_token(site):
    visitor, database = site.visitor(), site.var_dir / "db.sqlite3"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(JOBS)
    for _ in range(3):
        assert visitor.get("/nothing/").status_code == 404
    assert visitor.get("/metrics/").status_code == 403
    assert metrics(visitor, token="guessed")[0] == 403

    status, found = metrics(visitor)
    assert status == 200
    assert found['django_http_responses_total_by_status_total{status="404"}'] == 3
    assert found['django_http_responses_total_by_status_total{status="403"}'] == 2
    jobs = {name: value for name, value in found.items() if name.startswith("outbox_jobs")}
    assert jobs == {
        'outbox_jobs{state="due",work="welcome"}': 2,
        'outbox_jobs{state="waiting",work="welcome"}': 1,
        'outbox_jobs{state="given_up",work="welcome"}': 1,
        'outbox_jobs{state="due",work="picture"}': 0,
        'outbox_jobs{state="waiting",work="picture"}': 0,
        'outbox_jobs{state="given_up",work="picture"}': 0,
    }
    assert 3600 <= found['outbox_oldest_due_seconds{work="welcome"}'] < 2 * 3600
    assert found['outbox_oldest_due_seconds{work="picture"}'] == 0

    database.write_bytes(b"no database")
    status, found = metrics(visitor)
    assert status == 200
    assert found['django_http_responses_total_by_status_total{status="404"}'] == 3
    assert not [name for name in found if name.startswith("outbox")]
