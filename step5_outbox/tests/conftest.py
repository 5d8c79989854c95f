import threading

import pytest
from django.core.mail import EmailMultiAlternatives
from django.db import connection
from huey.contrib.djhuey import HUEY
from huey.storage import SqliteStorage

from accounts import services
from accounts.forms import SignUpForm

from .factories import sign_up_data, upload

JOKE = "Why did the request wait? It had nobody to hand the work to."


@pytest.fixture(autouse=True)
def joke_api(httpserver, settings):
    """A joke API on a real socket."""
    httpserver.expect_request("/").respond_with_json({"id": "1", "joke": JOKE, "status": 200})
    settings.JOKE_API_URL = httpserver.url_for("/")
    return httpserver


@pytest.fixture(autouse=True)
def media_root(tmp_path, settings):
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture(autouse=True)
def queue(tmp_path_factory, monkeypatch):
    """An empty queue for each test, in a SQLite file as the step's own."""
    filename = tmp_path_factory.mktemp("queue") / "huey.sqlite3"
    storage = SqliteStorage("test", filename=filename)
    monkeypatch.setattr(HUEY, "storage", storage)
    yield HUEY
    storage.close()


@pytest.fixture
def user(db):
    """A user who has signed up with a picture."""
    form = SignUpForm(sign_up_data(), {"picture": upload()})
    assert form.is_valid(), form.errors
    return form.save()


@pytest.fixture
def work(monkeypatch):
    """Where each piece of slow work ran: its name with the thread and "is a transaction open?"."""
    seen = {}

    def spy_on(owner, name):
        function = getattr(owner, name)

        def spy(*args):
            seen[name] = (threading.current_thread(), connection.in_atomic_block)
            return function(*args)

        monkeypatch.setattr(owner, name, spy)

    spy_on(services, "get_joke")
    spy_on(services, "make_thumbnail")
    spy_on(services, "welcome_email")
    return seen


@pytest.fixture
def events(caplog):
    """A function that returns the events that have ended so far, by the timing log."""
    return lambda: [r.event for r in caplog.records if r.name == "timing.log" and r.end]


@pytest.fixture
def broken_mail(monkeypatch):
    """A mail server that refuses every mail."""

    def refuse(mail):
        raise OSError("mail server asleep")

    monkeypatch.setattr(EmailMultiAlternatives, "send", refuse)
