"""A step's settings, with what HUEY_CONSUMER in the environment says of the consumer, as JSON."""

import json
import os

from tools.sites.production_settings import *  # noqa: F403
from tools.sites.production_settings import HUEY

HUEY = HUEY | {"consumer": HUEY["consumer"] | json.loads(os.environ["HUEY_CONSUMER"])}
