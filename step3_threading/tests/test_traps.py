"""The README's traps. In each test, the naive way fails first and then the right way works."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from accounts import signals
from accounts.models import User
from accounts.services import send_welcome_email

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mail_threads(monkeypatch):
    """A pool of its own for each test; shutdown() waits for what was submitted."""
    with ThreadPoolExecutor(max_workers=1) as executor:
        monkeypatch.setattr(signals, "mail_threads", executor)
        yield executor


def test_thread_started_inside_atomic_does_not_see_the_row(mail_threads):
    def names():
        try:
            return [user.username for user in User.objects.all()]
        finally:
            connection.close()

    seen = []

    def look():
        seen.append(mail_threads.submit(names).result())

    with transaction.atomic():
        User.objects.create_user("ada", "ada@example.com")
        look()
    assert seen == [[]]

    seen.clear()
    with transaction.atomic():
        User.objects.create_user("bob", "bob@example.com")
        transaction.on_commit(look)
    assert seen == [["ada", "bob"]]


def test_thread_started_inside_atomic_welcomes_a_user_who_was_rolled_back(mail_threads, mailoutbox):
    def naive(user):
        signals.queue(signals.welcome_in_thread, user)

    def right(user):
        transaction.on_commit(lambda: naive(user))

    for send_mail, name in [(naive, "ada"), (right, "bob")]:
        with pytest.raises(RuntimeError), transaction.atomic():
            send_mail(User.objects.create_user(name, f"{name}@example.com"))
            raise RuntimeError("roll back")
    mail_threads.shutdown()
    assert [mail.to for mail in mailoutbox] == [["ada@example.com"]]
    assert not User.objects.exists()


def test_exception_in_a_thread_is_seen_by_nobody(mail_threads, monkeypatch, caplog):
    def fail(user):
        raise RuntimeError("a bug")

    monkeypatch.setattr(signals, "send_welcome_email", fail)
    user = User(username="ada")

    mail_threads.submit(fail, user).exception()  # waits, so that it has failed
    assert "a bug" not in caplog.text

    mail_threads.submit(signals.welcome_in_thread, user).exception()
    assert "a bug" in caplog.text


def test_connection_of_a_thread_stays_open(mail_threads):
    user = User.objects.create_user("ada", "ada@example.com")

    def is_open():
        return connection.connection is not None

    mail_threads.submit(send_welcome_email, user)
    assert mail_threads.submit(is_open).result()  # in the same thread: the pool has but one

    mail_threads.submit(signals.welcome_in_thread, user)
    assert not mail_threads.submit(is_open).result()


def test_thread_per_mail_has_no_limit(mail_threads):
    answered = threading.Event()
    before = threading.active_count()

    for _ in range(20):
        threading.Thread(target=answered.wait).start()
    assert threading.active_count() - before == 20

    before = threading.active_count()
    for _ in range(20):
        mail_threads.submit(answered.wait)
    assert threading.active_count() - before == 1
    answered.set()


def test_process_does_not_wait_for_a_daemon_thread():
    def output(start):
        """Return what a process prints that ends when its request has called `start`."""
        script = f"""
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Thread

def send_mail():
    time.sleep(0.3)
    print("sent")

def request():
    {start}

thread = Thread(target=request, daemon=True)  # as those are in which runserver answers
thread.start()
thread.join()
"""
        return subprocess.check_output([sys.executable, "-c", script], text=True)

    assert output("Thread(target=send_mail).start()") == ""  # it inherits daemon=True

    assert output("ThreadPoolExecutor().submit(send_mail)") == "sent\n"
