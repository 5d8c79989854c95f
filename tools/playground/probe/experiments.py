"""What is tried in the learner's project. Each function returns what happened, for JSON."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from io import BytesIO
from itertools import count

from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.serializers.python import Deserializer, Serializer
from django.core.signals import got_request_exception
from django.db import connection, transaction
from PIL import Image

from tools.sites.visitor import Visitor

from .errors import described

SETTLED_SECONDS = 6.0  # what work that has begun may take
POLL = 0.01
numbers = count(1)


class Rollback(Exception):
    """Undoes a transaction."""


def small_picture():
    content = BytesIO()
    Image.new("RGB", (400, 300), "#2b4c7e").save(content, "JPEG")
    return content.getvalue()


def new_user(name="ada"):
    username = f"{name}-{next(numbers)}"
    return get_user_model()(username=username, email=f"{username}@example.com")


def profiles():
    """Return the model that belongs to a user and has the picture, whatever it is called."""
    for relation in get_user_model()._meta.related_objects:
        names = {field.name for field in relation.related_model._meta.fields}
        if relation.one_to_one and "picture" in names:
            return relation.related_model._base_manager, relation.field.name
    raise LookupError("no model with a picture belongs to the user, one to one")


def profile_of(user):
    manager, name = profiles()
    return manager.filter(**{f"{name}__username": user.username}).first()


def row_of(user):
    """Return the query that finds the user's row, and its values."""
    meta = get_user_model()._meta
    table = connection.ops.quote_name(meta.db_table)
    return f"SELECT 1 FROM {table} WHERE username = %s", [user.username]


class Experiments:
    """The experiments of one process; `watch` sees what leaves, `url` is where the site answers."""

    def __init__(self, watch, url, queues):
        self.watch, self.url, self.queues = watch, url, queues
        self.job_tables = []

    def rollback(self):
        """Save a user in a transaction that is rolled back."""
        user = new_user()
        with self.trying(user) as result:
            before = self.rows()
            with suppress(Rollback), transaction.atomic():
                user.save()
                left = len(self.left())
                result["has_profile"] = profile_of(user) is not None
                self.watch.let_threads_show()
                result["left_inside"] = self.left()
                result["left_after_save"] = self.left()[left:]  # so a thread's
                result["rows_inside"] = self.job_tables = self.new_rows(before)
                raise Rollback
            self.watch.let_threads_show()
            result["rows_after"] = self.new_rows(before)
        return result

    def commit(self, hold=()):
        """Save a user in a transaction that is committed, with mails held until it is."""
        user = new_user()
        with self.trying(user) as result, self.watch.holding(hold):
            before = self.rows()
            with transaction.atomic():
                user.save()
                self.watch.let_threads_show()
                result["left_inside"] = self.left()
            result["rows"] = self.new_rows(before)
            result["waited_for"] = list(self.watch.held_in_vain)
            self.watch.gate.set()
            self.settle(user)
            result["open_connections"] = self.open_connections()
            result["has_profile"] = profile_of(user) is not None
        return result

    def picture(self):
        """Give a saved user a picture, as save_new_user() does."""
        user = new_user()
        user.save()
        self.settle(user)
        profile = self.profile_with_picture(user)
        table = connection.ops.quote_name(profile._meta.db_table)
        row = f"SELECT 1 FROM {table} WHERE picture = %s", [profile.picture.name]
        with self.trying(user, row) as result:
            before = self.rows()
            with transaction.atomic():
                profile.save(update_fields=["picture"])
                self.watch.let_threads_show()
                result["left_inside"] = self.left()
                result["rows_inside"] = self.new_rows(before)
            self.settle(user, picture=True)
            result["is_resized"] = self.is_resized(user)
        return result

    def profile_with_picture(self, user):
        """Return the user's profile, made if there is none, with a picture that is not saved."""
        manager, name = profiles()
        profile = profile_of(user) or manager.create(**{name: user})
        profile.picture = default_storage.save("pictures/ada.jpg", ContentFile(small_picture()))
        return profile

    def again(self):
        """Save a user and a profile again that have it all, and load a user as `loaddata` does."""
        user, loaded = new_user(), new_user("loaded")
        with self.trying(user) as result:
            user.save()
            self.settle(user)
            profile = self.profile_with_picture(user)
            profile.save(update_fields=["picture"])
            self.settle(user, picture=True)
            result["first"] = self.left()
            self.watch.begin(row_of(user))
            user.save()
            profile = profile_of(user)
            profile.save()
            self.watch.let_threads_show()
            result["second"] = self.left()
            self.watch.begin(row_of(loaded))
            for item in Deserializer(Serializer().serialize([loaded])):
                item.save()
            self.watch.let_threads_show()
            result["loaded"] = self.left()
            result["has_loaded_profile"] = profile_of(loaded) is not None
        return result

    def bug(self, picture=True):
        """Sign a visitor up over HTTP, with a bug where the mail is made."""
        self.watch.bug = True
        try:
            result = self.sign_up(picture=picture)
        finally:
            self.watch.bug = False
        return result | {"said": self.watch.said, "bug_was_hit": self.watch.bug_was_hit}

    def sign_up(self, hold=(), picture=True, settle=True, wipe=False, work=False, forget=False):
        """Sign a visitor up over HTTP; what leaves is held until the page is back.

        `settle`: wait until mail and picture are done. `wipe`: empty the queue afterwards. `work`:
        run what is queued. `forget`: first delete the jobs of earlier experiments.
        """
        user = new_user()
        visitor = Visitor(self.url, user.username)
        if forget:
            self.forget_jobs()
        with self.trying(user) as result, self.watch.holding(hold):
            with ThreadPoolExecutor(1, "watch") as threads:
                answer = threads.submit(visitor.sign_up, small_picture() if picture else None)
                result["status"] = answer.result().status_code
                result["waited_for"] = list(self.watch.held_in_vain)
                self.watch.gate.set()
            if wipe:
                self.queues.clear()
            if work:
                self.queues.run_all()
            if settle:
                self.settle(user, picture=picture)
                result["is_resized"] = self.is_resized(user)
        return result

    def keys(self):
        """Give a user another address between the queueing and the work."""
        user = new_user()
        with self.trying(user) as result:
            user.save()
            result["email"] = f"new-{user.email}"
            get_user_model()._base_manager.filter(pk=user.pk).update(email=result["email"])
            self.queues.run_all()
        return result

    def refusals(self, times=3):
        """Let the mail server be away for so many tries."""
        user = new_user()
        with self.trying(user) as result:
            user.save()
            self.watch.refused = {"mail"}
            self.queues.run_all()
            result["waiting"], result["scheduled"] = self.queues.waiting()
            result["tries"] = sum(departure["what"] == "mail" for departure in self.left())
            for _ in range(times - 1):
                self.queues.run_scheduled()
            self.watch.refused = set()
            self.watch.begin(row_of(user))
            self.queues.run_scheduled()
        self.watch.refused = set()
        return result

    def order(self):
        """Queue a mail behind two pictures, and run what is queued."""
        early, late = [new_user(), new_user()], new_user("late")
        for user in early:
            user.save()
        with self.trying(late) as result:
            for user in early:
                self.profile_with_picture(user).save(update_fields=["picture"])
            late.save()
            self.queues.run_all()
        return result

    def end(self):
        """Sign a visitor up, and end the process as Ctrl-C ends a server: in good order."""
        return self.sign_up(picture=False, settle=False) | {"ends": True}

    # Helpers

    @contextmanager
    def trying(self, user, row=None):
        """Collect what happens in the block: what leaves, and the error that comes out of it."""
        self.queues.clear()
        self.watch.begin(row or row_of(user))
        result = {"username": user.username, "email": user.email, "error": None}

        def raised(**kwargs):
            result["error"] = described(sys.exception())

        got_request_exception.connect(raised)
        try:
            yield result
        except Exception as error:
            result["error"] = described(error)
        finally:
            got_request_exception.disconnect(raised)
            result["left"] = self.left()
            if connection.in_atomic_block:
                connection.close()

    def left(self):
        return list(self.watch.departures)

    def settle(self, user, picture=False):
        """Return when the mail, and the picture if there is one, are done or have failed."""
        deadline = time.monotonic() + SETTLED_SECONDS
        while time.monotonic() < deadline and not self.is_settled(user, picture):
            if not self.watch.threads_at_work():
                return
            time.sleep(POLL)

    def is_settled(self, user, picture):
        profile = profile_of(user)
        if not profile:
            return False
        mail = profile.welcome_sent_at or profile.welcome_error
        return bool(mail and (not picture or profile.thumbnail or profile.picture_error))

    def open_connections(self):
        deadline = time.monotonic() + 0.5  # the mail is done a moment before its thread is
        while self.watch.open_connections() and time.monotonic() < deadline:
            time.sleep(POLL)
        return self.watch.open_connections()

    def is_resized(self, user):
        profile = profile_of(user)
        return bool(profile and profile.thumbnail)

    def forget_jobs(self):
        """Delete the rows of jobs that earlier experiments have left."""
        with connection.cursor() as cursor:
            for table in self.job_tables:
                cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")

    def rows(self):
        """Return how many rows each table has, as this thread's transaction sees it."""
        with connection.cursor() as cursor:
            counts = {}
            for table in connection.introspection.table_names(cursor):
                cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")
                counts[table] = cursor.fetchone()[0]
        return counts

    def new_rows(self, before):
        """Return the tables that have more rows than before, user and profile aside."""
        manager, _ = profiles()
        known = {get_user_model()._meta.db_table, manager.model._meta.db_table}
        return sorted(t for t, n in self.rows().items() if n > before.get(t, 0) and t not in known)
