"""As in steps 4 and 5, an idle worker looks every 20 ms, and not less and less often."""

from .settings import *  # noqa: F403
from .settings import HUEY

HUEY = HUEY | {"consumer": {"workers": 2, "initial_delay": 0.02, "max_delay": 0.02}}
