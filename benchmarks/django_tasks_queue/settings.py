"""django.tasks, which Django has from 6.0 on, by its backport, on its database backend.

https://pypi.org/project/django-tasks-db/
"""

from benchmarks.settings import *  # noqa: F403
from benchmarks.settings import PYTHON

INSTALLED_APPS = ["django_tasks", "django_tasks_db"]
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
WORKER = [PYTHON, "-m", "django", "db_worker"]
WORKER_PROCESSES = 2
