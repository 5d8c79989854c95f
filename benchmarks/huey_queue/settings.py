"""https://huey.readthedocs.io/en/latest/contrib.html#django"""

from benchmarks.settings import *  # noqa: F403
from benchmarks.settings import PYTHON, env

INSTALLED_APPS = ["huey.contrib.djhuey", "benchmarks.huey_queue"]
HUEY = {
    "huey_class": "huey.SqliteHuey",
    "filename": env("HUEY_FILE"),
    "immediate": False,
    "results": False,
    "consumer": {"workers": 2},
}
WORKER = [PYTHON, "-m", "django", "run_huey"]
