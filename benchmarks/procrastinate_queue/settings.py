"""https://procrastinate.readthedocs.io/en/stable/howto/django/configuration.html"""

from benchmarks.settings import *  # noqa: F403
from benchmarks.settings import PYTHON

INSTALLED_APPS = ["procrastinate.contrib.django", "benchmarks.procrastinate_queue"]
WORKER = [PYTHON, "-m", "django", "procrastinate", "worker", "--concurrency=2"]
