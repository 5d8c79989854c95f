"""With Huey's own polling: the longer nothing came, the less often it looks."""

from .sqlite_settings import *  # noqa: F403
from .sqlite_settings import HUEY

HUEY = HUEY | {"consumer": {"workers": 2}}
