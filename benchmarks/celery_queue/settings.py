"""https://docs.celeryq.dev/en/stable/django/first-steps-with-django.html"""

from benchmarks.settings import *  # noqa: F403
from benchmarks.settings import BROKER_URL, PYTHON

CELERY_BROKER_URL = BROKER_URL
CELERY_TASK_IGNORE_RESULT = True
WORKER = [PYTHON, "-m", "celery", "-A", "benchmarks.celery_queue.tasks", "worker"]
WORKER += ["--concurrency=2"]
