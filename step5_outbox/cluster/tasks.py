import time

from huey import crontab
from huey.contrib.djhuey import HUEY, periodic_task

BEAT = "heartbeat"


@periodic_task(crontab(minute="*"))  # and when a consumer starts
def beat():
    """Leave the time with the broker: a scheduler and a worker are alive."""
    HUEY.put(BEAT, time.time())
