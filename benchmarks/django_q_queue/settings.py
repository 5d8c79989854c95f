"""https://django-q2.readthedocs.io/en/master/configure.html"""

from benchmarks.settings import *  # noqa: F403
from benchmarks.settings import PYTHON

INSTALLED_APPS = ["django_q"]
# A task is taken again after `retry` seconds; it must be longer than the timeout.
Q_CLUSTER = {"orm": "default", "workers": 2, "timeout": 25, "retry": 30}
WORKER = [PYTHON, "-m", "django", "qcluster"]
