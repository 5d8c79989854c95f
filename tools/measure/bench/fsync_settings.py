"""Step 5's settings, but with a queue that waits for the disk, as step 4's does."""

from tools.sites.production_settings import *  # noqa: F403
from tools.sites.production_settings import HUEY

HUEY = {name: value for name, value in HUEY.items() if name != "fsync"}
