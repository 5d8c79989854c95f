from benchmarks.settings import *  # noqa: F403
from benchmarks.settings import PYTHON, env

INSTALLED_APPS = ["huey.contrib.djhuey", "benchmarks.huey_queue"]
HUEY = {
    "huey_class": "huey.PostgresHuey",
    "dsn": env("DATABASE_URL"),
    "immediate": False,
    "results": False,
    "consumer": {"workers": 2},
}
WORKER = [PYTHON, "-m", "django", "run_huey"]
