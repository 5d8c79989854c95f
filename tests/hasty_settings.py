"""Step 5's settings, but periodic tasks run every second, as if each were a minute's."""

from huey.consumer import Scheduler
from light_settings import *  # noqa: F403

Scheduler.periodic_task_seconds = 1
