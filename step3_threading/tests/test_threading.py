"""What this step alone promises: the mail goes out in a thread, after the commit."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from each_step.factories import sign_up

from accounts import services, signals
from accounts.models import Profile, User

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mail_threads(monkeypatch):
    """A pool of its own for each test; shutdown() waits for what was submitted."""
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="mail") as executor:
        monkeypatch.setattr(signals, "mail_threads", executor)
        yield executor


@pytest.fixture
def slow_joke(monkeypatch):
    """A joke API that answers only when the event is set."""
    event = threading.Event()

    def get_joke():
        assert event.wait(timeout=30)
        return "late"

    monkeypatch.setattr(services, "get_joke", get_joke)
    yield event
    event.set()


def test_page_comes_back_before_the_mail_is_sent(client, mail_threads, slow_joke, mailoutbox):
    sign_up(client)
    profile = Profile.objects.get()
    assert profile.picture_state == "done"
    assert profile.welcome_state == "waiting"
    assert mailoutbox == []
    slow_joke.set()
    mail_threads.shutdown()
    profile.refresh_from_db()
    assert profile.welcome_state == "done"
    assert len(mailoutbox) == 1


def test_mail_runs_in_another_thread_and_nothing_slow_in_a_transaction(client, mail_threads, work):
    sign_up(client)
    mail_threads.shutdown()
    for name in ["get_joke", "welcome_email"]:
        thread, in_transaction = work[name]
        assert thread.name.startswith("mail")
        assert not in_transaction
    assert work["make_thumbnail"] == (threading.current_thread(), False)


def test_every_piece_of_work_is_logged(client, mail_threads, events):
    sign_up(client)
    mail_threads.shutdown()
    assert sorted(events()) == [
        "create profile",
        "fetch joke",
        "hash password",
        "queue",
        "receive form",
        "resize picture",
        "save user",
        "send mail",
        "sign-up",
    ]


def test_mail_is_submitted_after_the_commit_and_not_before(monkeypatch):
    submitted = []
    monkeypatch.setattr(signals.mail_threads, "submit", lambda *args: submitted.append(args))
    with transaction.atomic():
        User.objects.create_user("ada", "ada@example.com")
        assert submitted == []
    assert len(submitted) == 1


def test_rollback_sends_no_mail(monkeypatch):
    submitted = []
    monkeypatch.setattr(signals.mail_threads, "submit", lambda *args: submitted.append(args))
    with pytest.raises(RuntimeError), transaction.atomic():
        User.objects.create_user("ada", "ada@example.com")
        raise RuntimeError("roll back")
    assert submitted == []


def test_threads_database_connection_is_closed(monkeypatch, mailoutbox):
    connections = []
    send_welcome_email = signals.send_welcome_email

    def spy(user):
        send_welcome_email(user)
        connections.append(connection.connection)

    monkeypatch.setattr(signals, "send_welcome_email", spy)
    user = User.objects.create_user("ada", "ada@example.com")

    def send_and_look():
        signals.welcome_in_thread(user)
        return connection.connection

    with ThreadPoolExecutor() as executor:
        assert executor.submit(send_and_look).result() is None
    assert all(connections)


def test_bug_in_the_thread_is_logged(client, mail_threads, monkeypatch, caplog):
    def fail(user):
        raise RuntimeError("a bug")

    monkeypatch.setattr(signals, "send_welcome_email", fail)
    sign_up(client)
    mail_threads.shutdown()
    assert "The welcome mail for ada failed" in caplog.text
    assert "a bug" in caplog.text


def test_sign_up_survives_a_pool_that_takes_no_more(client, mail_threads, caplog):
    mail_threads.shutdown()
    sign_up(client)
    assert "cannot schedule new futures after shutdown" in caplog.text


def test_sign_up_survives_a_mail_server_that_is_down(client, mail_threads, broken_mail):
    sign_up(client)
    mail_threads.shutdown()
    assert Profile.objects.get().welcome_state == "failed"


def test_mails_have_four_threads_of_their_own():
    released = threading.Event()
    mails = [signals.mail_threads.submit(released.wait, 30) for _ in range(8)]
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("mail")]
    released.set()
    assert all(mail.result() for mail in mails)
    assert len(threads) == 4
