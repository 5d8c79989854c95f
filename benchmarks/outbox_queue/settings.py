"""Step 5's app `outbox`, as it is there."""

from benchmarks.settings import *  # noqa: F403
from benchmarks.settings import PYTHON, env

INSTALLED_APPS = ["huey.contrib.djhuey", "outbox", "benchmarks.outbox_queue"]
HUEY = {
    "huey_class": "huey.SqliteHuey",
    "filename": env("HUEY_FILE"),
    "immediate": False,
    "results": False,
    "fsync": False,
    "consumer": {"workers": 2, "initial_delay": 0.02, "max_delay": 0.02},
}
OUTBOX_WORK = {"work": "benchmarks.outbox_queue.tasks.run"}
OUTBOX_LEASE_SECONDS = 30
OUTBOX_MAX_ATTEMPTS = 20
WORKER = [PYTHON, "-m", "django", "run_huey"]
