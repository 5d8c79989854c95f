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
from .queues import MOST

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


def profile_model():
    """Return the model that belongs to a user and has the picture, and its field for the user."""
    for relation in get_user_model()._meta.related_objects:
        names = {field.name for field in relation.related_model._meta.fields}
        if relation.one_to_one and "picture" in names:
            return relation.related_model, relation.field.name
    raise LookupError("no model with a picture belongs to the user, one to one")


def profile_of(user):
    model, name = profile_model()
    return model._base_manager.filter(**{f"{name}__username": user.username}).first()


def with_picture(user):
    """Return the user's profile, made if there is none, with a new picture that is not saved."""
    model, name = profile_model()
    profile = profile_of(user) or model._base_manager.create(**{name: user})
    profile.picture = default_storage.save("pictures/ada.jpg", ContentFile(small_picture()))
    return profile


def row_of(user):
    """Return the query that finds the user's row, and its values."""
    meta = get_user_model()._meta
    table = connection.ops.quote_name(meta.db_table)
    return f"SELECT 1 FROM {table} WHERE username = %s", [user.username]


def row_with(profile):
    """Return the query that finds the profile's row once it has this picture, and its values."""
    table = connection.ops.quote_name(profile._meta.db_table)
    return f"SELECT 1 FROM {table} WHERE picture = %s", [profile.picture.name]


class Experiments:
    """The experiments of one process; `watch` sees what leaves.

    `serve` starts the site, unless it runs, and returns its address. Until then its URLs, and all
    that only they import, are not imported, as in `manage.py shell`.
    """

    def __init__(self, watch, queues, serve):
        self.watch, self.queues, self.serve = watch, queues, serve
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
                result["left_by_threads"] = self.left()[left:]
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
            self.work()
            result["open_connections"] = self.open_connections()
            result["has_profile"] = profile_of(user) is not None
        return result

    def picture(self):
        """Give a user a picture that is rolled back, and then two, as save_new_user() does."""
        user = new_user()
        user.save()
        self.work()
        lost = with_picture(user)
        with self.trying(user, row_with(lost)) as result:
            before = self.rows()
            with suppress(Rollback), transaction.atomic():
                lost.save(update_fields=["picture"])
                self.watch.let_threads_show()
                result["rows_inside"] = self.new_rows(before)
                raise Rollback
            self.work()
            result["left_by_rollback"] = self.left()
            result["left_inside"], result["pictures"] = [], []
            for _ in range(2):
                profile = with_picture(user)
                self.watch.begin(row_with(profile))
                with transaction.atomic():
                    profile.save(update_fields=["picture"])
                    self.watch.let_threads_show()
                    result["left_inside"] += self.left()
                self.work()
                result["pictures"].append(self.left())
                result["is_resized"] = self.is_resized(user)
        return result

    def again(self):
        """Save a user and a profile again that have it all, and load others as `loaddata` does."""
        user, loaded = new_user(), new_user("loaded")
        with self.trying(user) as result:
            user.save()
            self.work()
            with_picture(user).save(update_fields=["picture"])
            self.work()
            result["first"] = self.left()
            self.watch.begin(row_of(user))
            user.save()
            profile_of(user).save()
            self.work()
            result["second"] = self.left()
            self.watch.begin(row_of(loaded))
            load(loaded)
            result["has_loaded_profile"] = profile_of(loaded) is not None
            if not result["has_loaded_profile"]:
                model, name = profile_model()
                load(model(**{name: loaded, "picture": with_picture(user).picture.name}))
            self.work()
            result["loaded"] = self.left()
        return result

    def bug(self, where, picture=True):
        """Sign a visitor up over HTTP, with a bug where the mail, picture or queue is used."""
        self.watch.bug = where
        try:
            result = self.sign_up(picture=picture)
        finally:
            self.watch.bug = ""
        return result | {"bug": self.watch.bug_was, "open_connections": self.open_connections()}

    def sign_up(self, hold=(), picture=True, work=True, wipe=False, forget=True):
        """Sign a visitor up over HTTP; what leaves is held until the page is back.

        `work`: do what is queued, and wait for threads. `wipe`: empty the queue afterwards.
        `forget`: first delete the jobs of earlier experiments.
        """
        user = new_user()
        visitor = Visitor(self.serve(), user.username)
        with self.trying(user, forget=forget) as result, self.watch.holding(hold):
            with ThreadPoolExecutor(1, "watch") as threads:
                answer = threads.submit(visitor.sign_up, small_picture() if picture else None)
                result["status"] = answer.result().status_code
                result["left_by_page"] = self.left()
                result["waited_for"] = list(self.watch.held_in_vain)
                self.watch.gate.set()
            if wipe:
                self.queues.clear()
            if work:
                self.work()
                result["is_resized"] = self.is_resized(user)
        return result

    def keys(self):
        """Give a user another address between the queueing and the work."""
        user = new_user()
        with self.trying(user) as result:
            user.save()
            result["email"] = f"new-{user.email}"
            get_user_model()._base_manager.filter(pk=user.pk).update(email=result["email"])
            self.work()
        return result

    def refusals(self, times=3):
        """Let the mail server be away for so many tries."""
        user = new_user()
        with self.trying(user) as result:
            user.save()
            self.queues.make_due()
            self.watch.refused = {"mail"}
            self.queues.run_all()
            result["waiting"], result["scheduled"] = self.queues.waiting()
            result["tries"] = sum(departure["what"] == "mail" for departure in self.left())
            for _ in range(times - 1):
                self.queues.make_due()
                self.queues.run_all()
            self.watch.refused = set()
            self.watch.begin(row_of(user))
            self.work()
        self.watch.refused = set()
        return result

    def order(self):
        """Queue a mail behind two pictures, and run what is queued."""
        early, late = [new_user(), new_user()], new_user("late")
        for user in early:
            user.save()
        with self.trying(late) as result:
            for user in early:
                with_picture(user).save(update_fields=["picture"])
            late.save()
            self.queues.make_due()
            self.work()
        return result

    def end(self):
        """Sign a visitor up, and end the process as Ctrl-C ends a server: in good order."""
        return self.sign_up(picture=False, work=False)

    # Helpers

    @contextmanager
    def trying(self, user, row=None, forget=True):
        """Collect what happens in the block: what leaves, and the errors that come out of it."""
        self.queues.clear()
        if forget:
            self.forget_jobs()
        self.watch.begin(row or row_of(user))
        self.watch.forget_errors()
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
            result["logged"] = self.watch.errors[:1]
            if connection.in_atomic_block:
                connection.close()

    def left(self):
        return list(self.watch.departures)

    def work(self):
        """Do all that is queued, for now or for a later moment, and wait for threads."""
        self.watch.let_threads_work()
        for _ in range(MOST):
            if not self.queues.run_next() and not self.queues.make_due():
                return
            self.watch.let_threads_work()

    def open_connections(self):
        """Return how many connections threads leave open: a mail is done before its thread is."""
        deadline = time.monotonic() + 0.5
        while self.watch.open_connections() and time.monotonic() < deadline:
            time.sleep(0.01)
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
        model, _ = profile_model()
        known = {get_user_model()._meta.db_table, model._meta.db_table}
        return sorted(t for t, n in self.rows().items() if n > before.get(t, 0) and t not in known)


def load(row):
    """Save a row as `loaddata` does."""
    for item in Deserializer(Serializer().serialize([row])):
        item.save()
