"""Step 5's settings, but each picture is more urgent than a mail, and kills its worker."""

import os
import time

from config.settings import *  # noqa: F403
from config.settings import OUTBOX_WORK

OUTBOX_WORK = {"picture": "poison_settings.kill", "welcome": OUTBOX_WORK["welcome"]}


def kill(key):
    time.sleep(0.1)  # until the other worker is at something
    os._exit(1)
