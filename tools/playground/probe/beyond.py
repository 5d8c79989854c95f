"""What is tried for the tasks beyond the folders."""

import threading
import time
from contextlib import suppress
from datetime import datetime, timedelta

import requests
from django.db import transaction
from django.utils.module_loading import autodiscover_modules

from .experiments import Experiments, Rollback, new_user, row_of

QUIET_SECONDS = 0.3  # what a pool's thread may take from one mail to the next


class Beyond(Experiments):
    """The experiments of the stages, and these."""

    def team(self):
        """Save a user who is rolled back, and one who is committed and then saved again."""
        gone, user = new_user("gone"), new_user("team")
        with self.trying(user) as result:
            with suppress(Rollback), transaction.atomic():
                gone.save()
                self.watch.let_threads_show()
                raise Rollback
            with transaction.atomic():
                user.save()
                self.watch.let_threads_show()
            self.work(user)
            user.save()
            self.work(user)
        return result

    def side_by_side(self):
        """Save a user, and see whether the joke API is asked twice at the same time meanwhile."""
        user = new_user()
        meeting = threading.Barrier(2)
        with self.trying(user) as result, transaction.atomic():
            self.watch.meeting = meeting
            user.save()
            result["inside"] = self.left()
            self.watch.meeting = None
        self.watch.meeting = None
        result["met"] = not meeting.broken
        return result

    def digest(self):
        """Sign two users up, and let each periodic task's moment come twice."""
        autodiscover_modules("tasks")  # as run_huey does
        self.forget_jobs()  # or a periodic task that repairs an outbox would send their mails
        users = [new_user("first"), new_user("second")]
        with self.trying(users[0]) as result:
            for user in users:
                user.save()
                self.work(user)
            minutes = self.periodic_tasks()
            result["usernames"] = [user.username for user in users]
            result["times"] = [times for task, times in minutes if self.sends_mail(*task)]
            for task, _ in minutes:
                self.sends_mail(*task)
        return result

    def periodic_tasks(self):
        """Return each periodic task, after its queue, and in how many minutes of a day it runs."""
        midnight = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)
        found = {}
        for minute in range(24 * 60):
            for huey in self.queues.found:
                for task in huey.read_periodic(midnight + timedelta(minutes=minute)):
                    found.setdefault(task.name, ((huey, task), []))[1].append(minute)
        return [(task, len(minutes)) for task, minutes in found.values()]

    def sends_mail(self, huey, task):
        before = len(self.left())
        huey.execute(task)
        self.queues.run_all()
        return any(departure["what"] == "mail" for departure in self.left()[before:])

    def visit(self, path, username, email):
        """Open a page of the site as a stranger, and do the work that this gives."""
        user = new_user()
        user.username, user.email = username, email
        self.watch.begin(row_of(user))
        result = {"username": username, "email": email, "error": None}
        with requests.Session() as session:
            session.trust_env = False  # no proxy leads to this machine
            result["status"] = session.get(self.url + path, timeout=10).status_code
        self.work(user)
        return result | {"left": self.left()}

    def work(self, user):
        """Do what is queued, and wait for what threads do."""
        self.queues.run_all()
        self.settle(user)
        if self.watch.threads_at_work():
            time.sleep(QUIET_SECONDS)
