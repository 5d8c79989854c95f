"""The learner's Huey queues, found when something is queued."""

from contextlib import suppress
from datetime import datetime, timedelta


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

    def waiting(self):
        """Return how many tasks wait for a worker, and how many for a moment to come."""
        return (
            sum(huey.pending_count() for huey in self.found),
            sum(huey.scheduled_count() for huey in self.found),
        )

    def run_next(self):
        """Run the first task of each queue, as workers would; return whether there was one."""
        tasks = [(huey, huey.dequeue()) for huey in self.found]
        for huey, task in tasks:
            if task:
                huey.execute(task)
        return any(task for _, task in tasks)

    def run_all(self):
        """Run what waits for a worker, with all that it queues."""
        for _ in range(100):
            if not self.run_next():
                return

    def run_scheduled(self):
        """Run what waits for a moment to come, as if it had come."""
        then = datetime.now() + timedelta(days=365)
        for huey in self.found:
            for task in huey.read_schedule(then):
                huey.execute(task, then)
        self.run_all()
