"""The learner's Huey queues, found when something is queued."""

from datetime import datetime, timedelta

from huey.api import Huey

MOST = 30  # rounds of tasks that are run, those tried again included


class Queues:
    """Tells the watch of each task that is queued, and runs those that wait as a worker would."""

    def __init__(self, watch):
        self.found, self.running = [], ""
        self.enqueue = Huey.enqueue  # unwatched

        def watched(huey, task):
            if huey not in self.found:
                self.found.append(huey)
            name = getattr(task, "name", "?")  # a group has none
            watch.leaves("queue", name=name, by=self.running, immediate=huey.immediate)
            return self.enqueue(huey, task)

        Huey.enqueue = watched

    def clear(self):
        """Empty the queues."""
        for huey in self.found:
            huey.flush()

    def scheduled(self):
        """Return how many tasks wait for a moment to come."""
        return sum(huey.scheduled_count() for huey in self.found)

    def make_due(self):
        """Queue what waits for a moment to come, as if it had come; return whether any did."""
        then, found = datetime.now() + timedelta(days=365), False
        for huey in self.found:
            for task in huey.read_schedule(then):
                task.eta, found = None, True
                self.enqueue(huey, task)
        return found

    def run_next(self):
        """Run the first task of each queue, as workers would; return whether there was one."""
        tasks = [(huey, task) for huey in self.found if (task := huey.dequeue())]
        for huey, task in tasks:
            self.running = task.name
            huey.execute(task)
            self.running = ""
        return bool(tasks)

    def run_due(self):
        """Run what is queued as if its moment had come, with all that it queues for now."""
        self.make_due()
        for _ in range(MOST):
            if not self.run_next():
                return
