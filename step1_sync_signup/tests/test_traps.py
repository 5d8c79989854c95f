"""The README's traps. In each test, the naive way fails first and then the right way works."""

import socket
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from threading import Event

import pytest
import requests
from django import forms
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from each_step.factories import PASSWORD, picture_content, sign_up_data, upload
from safeguards.hashers import Argon2idPasswordHasher

from accounts.forms import SignUpForm
from accounts.jokes import FALLBACK, NoJoke, get_joke
from accounts.models import User
from accounts.services import save_new_user

locked = pytest.raises(sqlite3.OperationalError, match="database is locked")


@pytest.fixture
def joke_server(settings):
    """The socket of a joke API that says nothing until a test makes it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.JOKE_API_URL = f"http://127.0.0.1:{server.getsockname()[1]}/"
        yield server


def test_built_in_timeout_error_does_not_catch_a_time_out_of_requests(joke_server, settings):
    def naive():
        try:
            return requests.get(settings.JOKE_API_URL, timeout=0.1).json()["joke"]
        except TimeoutError:
            return FALLBACK

    with pytest.raises(requests.Timeout):  # a RequestException
        naive()

    settings.SILENCE_SECONDS = 0.1
    with pytest.raises(NoJoke, match="ReadTimeout"):
        get_joke()


def test_time_out_limits_each_silence_and_not_the_total(joke_server, settings):
    several, stopped = Event(), Event()

    def drip():
        client, _ = joke_server.accept()
        with client:
            for number in range(100):
                client.sendall(b"H")
                if number == 20:
                    several.set()
                if stopped.wait(0.1):
                    break

    with ThreadPoolExecutor() as threads:
        threads.submit(drip)
        naive = threads.submit(requests.get, settings.JOKE_API_URL, timeout=1)
        assert several.wait(30)  # it has taken two seconds, and was never silent for one
        assert not naive.done()

        settings.SILENCE_SECONDS, settings.CONVERSATION_SECONDS = 1, 0.3
        threads.submit(drip)
        with pytest.raises(NoJoke, match="not done after 0.3 s"):
            get_joke()
        stopped.set()


@pytest.mark.django_db(transaction=True)
def test_hashing_in_the_transaction_makes_other_writers_wait(monkeypatch):
    def hash_while_another_writes(hasher, password, salt):
        with closing(sqlite3.connect(connection.settings_dict["NAME"], timeout=0)) as another:
            another.execute("BEGIN IMMEDIATE")
        return "a hash"

    monkeypatch.setattr(Argon2idPasswordHasher, "encode", hash_while_another_writes)

    with locked, transaction.atomic():
        User.objects.create_user("grace", "grace@example.com", PASSWORD)

    SignUpForm(sign_up_data()).save()


@pytest.fixture
def connect(tmp_path):
    """A function that opens a new connection to one database, in a journal mode of SQLite's."""
    with ExitStack() as stack:

        def connect(journal_mode, timeout):
            options = {"timeout": timeout, "isolation_level": None, "check_same_thread": False}
            connection = sqlite3.connect(tmp_path / f"{journal_mode}.sqlite3", **options)
            stack.enter_context(closing(connection))
            connection.execute(f"PRAGMA journal_mode={journal_mode}")
            connection.execute("CREATE TABLE IF NOT EXISTS users (name)")
            return connection

        yield connect


READ = "SELECT * FROM users"
WRITE = "INSERT INTO users VALUES ('somebody')"


def test_transaction_that_reads_before_it_writes_finds_the_database_locked(connect):
    ada, bob = connect("wal", timeout=20), connect("wal", timeout=20)

    for visitor in [ada, bob]:
        visitor.execute("BEGIN")  # SQLite's default takes no lock before the first write
        visitor.execute(READ).fetchall()
    ada.execute(WRITE)
    ada.execute("COMMIT")
    with locked:
        bob.execute(WRITE)  # what bob has read is out of date, so no timeout helps
    bob.execute("ROLLBACK")

    def sign_up(visitor):
        visitor.execute("BEGIN IMMEDIATE")  # takes the write lock, or waits for it
        visitor.execute(READ).fetchall()
        visitor.execute(WRITE)
        visitor.execute("COMMIT")

    with ThreadPoolExecutor() as threads:
        list(threads.map(sign_up, [ada, bob]))
    assert len(ada.execute(READ).fetchall()) == 3


def test_writer_without_a_time_out_does_not_wait_for_the_lock(connect):
    ada, hasty, patient = connect("wal", 20), connect("wal", 0), connect("wal", 20)
    ada.execute("BEGIN IMMEDIATE")

    with locked:
        hasty.execute(WRITE)

    with ThreadPoolExecutor() as threads:
        writing = threads.submit(patient.execute, WRITE)
        ada.execute("COMMIT")
        writing.result()


def test_without_a_write_ahead_log_a_reader_keeps_a_writer_from_its_commit(connect):
    reader, writer = connect("delete", timeout=0), connect("delete", timeout=0)
    reader.execute("BEGIN")
    reader.execute(READ).fetchall()
    with locked:
        writer.execute(WRITE)

    reader, writer = connect("wal", timeout=0), connect("wal", timeout=0)
    reader.execute("BEGIN")
    reader.execute(READ).fetchall()
    writer.execute(WRITE)


@pytest.mark.django_db(transaction=True)
def test_settings_of_this_step_avoid_all_three_locks():
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert cursor.execute("PRAGMA busy_timeout").fetchone() == (60_000,)  # milliseconds
    with CaptureQueriesContext(connection) as queries, transaction.atomic():
        pass
    assert queries[0]["sql"] == "BEGIN IMMEDIATE"


@pytest.mark.django_db(transaction=True)
def test_somebody_can_take_the_name_between_the_check_and_the_save(client, monkeypatch):
    def lose_the_race(user, picture):
        User.objects.create(username=user.username)
        save_new_user(user, picture)

    monkeypatch.setattr("accounts.forms.save_new_user", lose_the_race)

    form = SignUpForm(sign_up_data())
    assert form.is_valid()
    with pytest.raises(IntegrityError):  # which unhandled is a page with status 500
        form.save()

    User.objects.all().delete()
    response = client.post(reverse("sign_up"), sign_up_data())
    assert "username" in response.context["form"].errors


def test_image_field_lets_through_what_nobody_wants_to_decode(db):
    content = picture_content("GIF")
    assert forms.ImageField().clean(upload(content))

    form = SignUpForm(sign_up_data(), {"picture": upload(content)})
    assert "picture" in form.errors
