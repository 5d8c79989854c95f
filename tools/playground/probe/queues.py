"""The learner's Huey queues, found when something is queued."""

from contextlib import suppress


class Queues:
    """Tells the watch of each task that is queued, and runs those that wait as a worker would."""

    def __init__(self, watch):
        self.found = []
        with suppress(ImportError):
            self.watch_huey(watch)

    def watch_huey(self, watch):
        from huey.api import Huey

        enqueue = Huey.enqueue

        def watched(huey, task):
            if huey not in self.found:
                self.found.append(huey)
            watch.leaves("queue", name=getattr(task, "name", "?"), immediate=huey.immediate)
            return enqueue(huey, task)

        Huey.enqueue = watched

    def clear(self):
        """Empty the queues."""
        for huey in self.found:
            huey.flush()
