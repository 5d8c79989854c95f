"""Celery's settings for tasks that may run twice: acknowledged when done, not when taken.

With Redis, a task of a killed worker comes back after the visibility timeout, an hour by default.
https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html
"""

from .settings import *  # noqa: F403

CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 30}  # seconds, like the outbox's lease
