"""The settings of the bare sign-up, for step 1."""

from tools.sites.production_settings import *  # noqa: F403
from tools.sites.production_settings import MIDDLEWARE

ROOT_URLCONF = "tools.measure.bench.bare"
MIDDLEWARE = [name for name in MIDDLEWARE if not name.startswith("timing.")]
