"""The smallest Django site, for 07_questions.ipynb: two models, one view, one database file.

The file is new in each run and removed at the end.
"""

import atexit
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import django
from django.conf import settings
from django.db import connection, models
from django.http import HttpResponse
from django.urls import path

# The cells of a notebook run in an event loop, where Django refuses to query the database:
# https://docs.djangoproject.com/en/5.2/topics/async/#async-safety
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

folder = tempfile.mkdtemp()
atexit.register(shutil.rmtree, folder, ignore_errors=True)
database = {"ENGINE": "django.db.backends.sqlite3", "NAME": Path(folder) / "db.sqlite3"}
settings.configure(
    DATABASES={"default": database}, INSTALLED_APPS=[__name__], ROOT_URLCONF=__name__
)
django.setup()


class User(models.Model):
    name = models.CharField(max_length=30)

    def __str__(self):
        return self.name


class Team(models.Model):
    members = models.ManyToManyField(User)

    def __str__(self):
        return f"team {self.pk}"


with connection.schema_editor() as schema_editor:
    schema_editor.create_model(User)
    schema_editor.create_model(Team)


def sign_up(request, name):
    User.objects.create(name=name)
    return HttpResponse("Welcome!")


urlpatterns = [path("sign-up/<name>/", sign_up)]


@contextmanager
def connected(signal, *receivers):
    """Connect the receivers to a signal of User for the length of the block."""
    for receiver in receivers:
        signal.connect(receiver, sender=User)
    try:
        yield
    finally:
        for receiver in receivers:
            signal.disconnect(receiver, sender=User)


def elsewhere(function):
    """Return what the function returns in a new thread, which has a database connection of its own.

    What the function raises is raised here.
    """

    def call():
        try:
            return function()
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=1) as new_thread:
        return new_thread.submit(call).result()


def committed():
    """Return the names of the users that another thread sees."""
    return elsewhere(lambda: list(User.objects.order_by("id").values_list("name", flat=True)))
