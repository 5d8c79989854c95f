"""A step's settings, but with a queue that is first in, first out. For the recording."""

from huey.storage import SqliteStorage

from config.settings import *  # noqa: F403
from config.settings import HUEY


class FirstInFirstOut(SqliteStorage):
    def enqueue(self, data, priority=None):
        super().enqueue(data)


HUEY = HUEY | {"storage_class": FirstInFirstOut}
