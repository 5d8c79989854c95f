"""Step 5's settings on several machines, for a process that runs under faketime."""

import time
from threading import Event

from config.settings_cluster import *  # noqa: F403

time.sleep = Event().wait  # Python's own fails under faketime 0.9: "Invalid argument"
