"""The settings of the bare sign-up, for step 1."""

from tools.production_settings import *  # noqa: F403
from tools.production_settings import MIDDLEWARE

ROOT_URLCONF = "tools.bench.bare"
MIDDLEWARE = [name for name in MIDDLEWARE if not name.startswith("timing.")]
