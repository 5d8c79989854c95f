"""What is tried in the learner's project. Each function returns what happened, for JSON."""

import sys
from itertools import count

from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.serializers.python import Deserializer, Serializer
from django.core.signals import got_request_exception
from django.db import connection, transaction

from tools.sites.visitor import Visitor, make_picture

from .errors import described
from .queues import MOST

SMALL = (400, 300)  # pixels
numbers = count(1)


def new_user():
    username = f"ada-{next(numbers)}"
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
    profile.picture = default_storage.save("pictures/ada.jpg", ContentFile(make_picture(SMALL)))
    return profile


def row_of(user):
    """Return the query that finds the user's row, and its values."""
    users = get_user_model()._base_manager.filter(username=user.username)
    return users.query.sql_with_params()


def row_with(profile):
    """Return the query that finds the profile's row once it has this picture, and its values."""
    profiles = type(profile)._base_manager.filter(picture=profile.picture.name)
    return profiles.query.sql_with_params()


class Experiments:
    """The experiments of one process, with a new user each; `watch` sees what leaves."""

    def __init__(self, watch, queues):
        self.watch, self.queues, self.job_tables = watch, queues, []

    def make(self, name, **options):
        """Return what happens in an experiment: what leaves, and the errors that come out of it."""
        user = new_user()
        result = {"username": user.username, "email": user.email, "error": None}

        def raised(**kwargs):
            result["error"] = described(sys.exception())

        got_request_exception.connect(raised)
        try:
            self.queues.clear()
            if not options.get("wipe"):
                self.forget_jobs()
            self.watch.begin(row_of(user))
            getattr(self, name)(user, result, **options)
        except Exception as error:
            result["error"] = described(error)
        got_request_exception.disconnect(raised)
        return result | {"left": self.left(), "logged": self.watch.errors[:1]}

    def rollback(self, user, result):
        """Save a user in a transaction that is rolled back."""
        before = self.rows()
        with transaction.atomic():
            user.save()
            left = len(self.left())
            result["has_profile"] = profile_of(user) is not None
            self.watch.let_threads_show()
            result["left_by_threads"] = self.left()[left:]
            result["rows_inside"] = self.job_tables = self.new_rows(before)
            transaction.set_rollback(True)
        self.watch.let_threads_show()
        result["rows_after"] = self.new_rows(before)

    def commit(self, user, result, hold):
        """Save a user in a transaction that is committed, with mails held until it is."""
        before = self.rows()
        with self.watch.holding(hold):
            with transaction.atomic():
                user.save()
                self.watch.let_threads_show()
                result["left_inside"] = self.left()
            result["rows"] = self.new_rows(before)
            result["waited_for"] = list(self.watch.held_in_vain)
        self.work()
        result["open_connections"] = self.watch.has_open_connections()
        result["has_profile"] = profile_of(user) is not None

    def picture(self, user, result):
        """Give a user a picture that is rolled back, and then two, as save_new_user() does."""
        user.save()
        self.work()
        lost = with_picture(user)
        self.watch.begin(row_with(lost))
        before = self.rows()
        with transaction.atomic():
            lost.save(update_fields=["picture"])
            self.watch.let_threads_show()
            result["rows_inside"] = self.new_rows(before)
            transaction.set_rollback(True)
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

    def again(self, user, result):
        """Save a user and a profile again that have it all, and load others as `loaddata` does."""
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
        loaded = new_user()
        self.watch.begin(row_of(loaded))
        load(loaded)
        result["has_loaded_profile"] = profile_of(loaded) is not None
        if not result["has_loaded_profile"]:
            model, name = profile_model()
            load(model(**{name: loaded, "picture": with_picture(user).picture.name}))
        self.work()
        result["loaded"] = self.left()

    def sign_up(self, user, result, url, hold=(), bug="", picture=True, work=True, wipe=False):
        """Sign a visitor up at the site's address; what leaves is held until the page is back.

        `bug`: have one where the "mail", "picture" or "queue" is used. `work`: do what is queued,
        and wait for threads. `wipe`: empty the queue, and keep the jobs of earlier experiments.
        """
        visitor = Visitor(url, user.username)
        self.watch.bug, result["bug"] = bug, self.watch.bug_was
        with self.watch.holding(hold):
            answer = visitor.sign_up(make_picture(SMALL) if picture else None)
            result["status"] = answer.status_code
            result["left_by_page"] = self.left()
            result["waited_for"] = list(self.watch.held_in_vain)
        if wipe:
            self.queues.clear()
        if work:
            self.work()
            result["is_resized"] = self.is_resized(user)
            result["open_connections"] = self.watch.has_open_connections()

    def keys(self, user, result):
        """Give a user another address between the queueing and the work."""
        user.save()
        result["email"] = f"new-{user.email}"
        get_user_model()._base_manager.filter(pk=user.pk).update(email=result["email"])
        self.work()

    def refusals(self, user, result):
        """Let the mail server be away for three tries."""
        user.save()
        self.watch.is_refused = True
        self.queues.run_due()
        result["scheduled"] = self.queues.scheduled()
        result["tries"] = sum(departure["what"] == "mail" for departure in self.left())
        self.queues.run_due()
        self.queues.run_due()
        self.watch.begin(row_of(user))
        self.work()

    def order(self, user, result):
        """Queue a mail behind two pictures, and run what is queued."""
        early = [new_user(), new_user()]
        for each in early:
            each.save()
        self.queues.clear()
        self.watch.begin(row_of(user))
        for each in early:
            with_picture(each).save(update_fields=["picture"])
        user.save()
        self.queues.make_due()
        self.work()

    # Helpers

    def left(self):
        return list(self.watch.departures)

    def work(self):
        """Do all that is queued, for now or for a later moment, and wait for threads."""
        self.watch.let_threads_work()
        for _ in range(MOST):
            if not self.queues.run_next() and not self.queues.make_due():
                return
            self.watch.let_threads_work()

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
