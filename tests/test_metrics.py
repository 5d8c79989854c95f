"""The metrics of a web server of the cluster: a real one, with its settings on SQLite."""

import sqlite3
from contextlib import closing
from importlib.util import find_spec

import pytest

from tools.sites.catalogue import STEPS
from tools.sites.site import running_site

from .conftest import VisitedSite

for package in ["boto3", "django_prometheus", "psycopg", "redis", "storages", "whitenoise"]:
    if not find_spec(package):
        pytest.skip(f"{package} is not installed", allow_module_level=True)

from prometheus_client.parser import text_string_to_metric_families  # noqa: E402

RESPONSES = "django_http_responses_total_by_status_total"
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
    "DEFAULT_FROM_EMAIL": "welcome@example.com",
    "WITHOUT_TLS": "on",
    "HEALTH_TOKEN": "secret",
}
# One due; one leased; two failing, one of them for an hour; one given up. Nothing of pictures.
JOBS = """
INSERT INTO outbox_job
(work, key, created_at, due_at, attempts, claimed_by, error, given_up_at) VALUES
('welcome', '1', datetime('now', '-1 minute'), datetime('now', '-1 minute'), 0, '', '', NULL),
('welcome', '2', datetime('now', '-1 minute'), datetime('now', '+1 hour'), 1, 'busy', '', NULL),
('welcome', '3', datetime('now', '-1 hour'), datetime('now', '+1 minute'), 9, '', 'gone', NULL),
('welcome', '4', datetime('now', '-1 minute'), datetime('now', '-1 second'), 9, '', 'gone', NULL),
('welcome', '5', datetime('now', '-1 day'), NULL, 20, '', 'refused', datetime('now'))
"""


@pytest.fixture
def site(standins, tmp_path):
    (tmp_path / "on_sqlite.py").write_text(ON_SQLITE, encoding="utf-8")
    options = {"kind": VisitedSite, "with_consumer": False, "PYTHONPATH": tmp_path}
    with running_site(STEPS[-1], standins, tmp_path / "var", **options, **GIVEN) as site:
        yield site


def metrics(visitor, token="secret"):
    """Return the status, and each value by the names of metric and labels."""
    response = visitor.get("/metrics/", headers={"Authorization": f"Bearer {token}"})
    families = text_string_to_metric_families(response.text) if response.ok else []
    samples = [sample for family in families for sample in family.samples]
    return response.status_code, {
        (sample.name, *sorted(sample.labels.values())): sample.value for sample in samples
    }


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
    assert found[RESPONSES, "404"] == 3
    assert found[RESPONSES, "403"] == 2
    assert {name[1:]: value for name, value in found.items() if name[0] == "outbox_jobs"} == {
        ("due", "welcome"): 1,
        ("leased", "welcome"): 1,
        ("failing", "welcome"): 2,
        ("given_up", "welcome"): 1,
        ("due", "picture"): 0,
        ("leased", "picture"): 0,
        ("failing", "picture"): 0,
        ("given_up", "picture"): 0,
    }
    assert 3600 <= found["outbox_oldest_job_seconds", "welcome"] < 2 * 3600
    assert found["outbox_oldest_job_seconds", "picture"] == 0

    database.write_bytes(b"no database")
    status, found = metrics(visitor)
    assert status == 200
    assert found[RESPONSES, "404"] == 3
    assert not [name for name, *_ in found if name.startswith("outbox")]


def test_health_tells_of_jobs_that_fail_are_late_or_were_given_up(site):
    def health():
        """Return what it says of jobs; neither a broker nor a storage runs here."""
        found = visitor.get("/health/work/", headers={"Authorization": "Bearer secret"}).json()
        return found["found"]["outbox"], found["errors"].keys() - {"last_beat", "storage"}

    def execute(sql):
        with closing(sqlite3.connect(site.var_dir / "db.sqlite3")) as connection, connection:
            connection.execute(sql)

    visitor = site.visitor()
    nothing = {"failing": 0, "given_up": 0, "oldest": None, "oldest_failing": None}
    assert health() == (nothing, set())
    execute(JOBS)
    found, errors = health()
    assert errors == {"failing", "late"}
    assert (found["failing"], found["given_up"]) == (2, 1)
    assert found["oldest"] == pytest.approx(found["oldest_failing"], abs=1)
    assert 3600 <= found["oldest"] < 2 * 3600
    execute("UPDATE outbox_job SET created_at = datetime('now', '-35 seconds')")
    assert health()[1] == {"failing"}
    execute("UPDATE outbox_job SET error = ''")
    assert health()[1] == set()
