from benchmarks.settings import *  # noqa: F403
from benchmarks.settings import PYTHON, env

INSTALLED_APPS = ["huey.contrib.djhuey", "benchmarks.huey_queue"]
HUEY = {
    "huey_class": "huey.SqliteHuey",
    "filename": env("HUEY_FILE"),
    "immediate": False,
    "results": False,
    "consumer": {"workers": 2, "initial_delay": 0.02, "backoff": 1, "max_delay": 0.02},
}
WORKER = [PYTHON, "-m", "django", "run_huey"]
