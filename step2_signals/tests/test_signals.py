"""What this step alone promises: receivers do the work, and the caller waits for them."""

import subprocess
import sys
import threading

import pytest
from django.db import connection, transaction
from django.db.models.signals import post_save, pre_save
from each_step.factories import sign_up

from accounts import signals
from accounts.models import Profile, User


@pytest.fixture
def failing_receiver():
    def fail(**kwargs):
        raise RuntimeError("receiver failed")

    post_save.connect(fail, sender=User)
    yield
    post_save.disconnect(fail, sender=User)


def test_receivers_are_connected_without_anybody_importing_them():
    # In a process of its own, because this test has imported the receivers itself.
    script = "import django; django.setup(); import sys; print('accounts.signals' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.stdout == "True\n", result.stderr


@pytest.mark.django_db(transaction=True)
def test_everything_is_done_when_the_page_comes_back(client, mailoutbox, caplog):
    sign_up(client)
    # Such as that of a receiver that is called for the rows of a model which is not its own.
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
    profile = Profile.objects.get()
    assert profile.picture_state == "done"
    assert profile.welcome_state == "done"
    assert len(mailoutbox) == 1


@pytest.mark.django_db(transaction=True)
def test_the_profile_is_created_while_the_user_is_saved(client, events):
    sign_up(client)
    assert events() == [
        "receive form",
        "hash password",
        "create profile",  # ends before "save user" does: save() waits for its receivers
        "save user",
        "fetch joke",
        "send mail",
        "resize picture",
        "sign-up",
    ]


@pytest.mark.django_db(transaction=True)
def test_receivers_run_in_the_callers_thread_and_transaction():
    seen = []

    def look(**kwargs):  # called by the receiver that creates the profile
        seen.append((threading.current_thread(), connection.in_atomic_block))

    pre_save.connect(look, sender=Profile)
    try:
        with transaction.atomic():
            User(username="ada").save()
            assert seen == [(threading.current_thread(), True)]
    finally:
        pre_save.disconnect(look, sender=Profile)


@pytest.mark.django_db(transaction=True)
def test_slow_work_runs_in_the_requests_thread_and_in_no_transaction(client, work):
    sign_up(client)
    here = (threading.current_thread(), False)
    assert work == {"get_joke": here, "welcome_email": here, "make_thumbnail": here}


@pytest.mark.django_db(transaction=True)
def test_rollback_undoes_the_profile_and_sends_no_mail(mailoutbox):
    with pytest.raises(RuntimeError), transaction.atomic():
        User.objects.create_user("ada", "ada@example.com")
        assert Profile.objects.exists()
        raise RuntimeError("roll back")
    assert not Profile.objects.exists()
    assert mailoutbox == []


@pytest.mark.django_db(transaction=True)
def test_failing_receiver_does_not_undo_a_save_in_autocommit(failing_receiver):
    with pytest.raises(RuntimeError, match="receiver failed"):
        User.objects.create_user("ada", "ada@example.com")
    assert User.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_failing_receiver_undoes_the_save_in_a_transaction(failing_receiver):
    with pytest.raises(RuntimeError, match="receiver failed"), transaction.atomic():
        User.objects.create_user("ada", "ada@example.com")
    assert not User.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_resizing_does_not_call_its_own_receiver_again(client, events):
    sign_up(client)
    Profile.objects.get().save()
    assert events().count("resize picture") == 1


@pytest.mark.django_db(transaction=True)
def test_saving_a_profile_while_its_picture_waits_resizes_nothing_twice(events):
    with transaction.atomic():
        user = User.objects.create_user("ada", "ada@example.com")
        user.profile.picture = "pictures/ada.jpeg"
        user.profile.save(update_fields=["picture"])
        user.profile.save()
        user.profile.save(update_fields=["bio"])
    assert events().count("resize picture") == 1


@pytest.mark.django_db(transaction=True)
def test_saving_a_user_again_sends_no_second_mail(client, mailoutbox):
    sign_up(client)
    User.objects.get().save()
    assert len(mailoutbox) == 1


@pytest.mark.django_db(transaction=True)
def test_loading_a_fixture_does_no_work(mailoutbox):
    user = User(username="ada", email="ada@example.com")
    user.save_base(raw=True)
    profile = Profile(user=user, picture="pictures/ada.jpeg")
    profile.save_base(raw=True)
    profile.save_base(raw=True, update_fields=["picture"])
    assert Profile.objects.get().picture_state == "waiting"
    assert mailoutbox == []


@pytest.mark.django_db(transaction=True)
def test_sign_up_survives_a_mail_server_that_is_down(client, broken_mail):
    sign_up(client)
    assert Profile.objects.get().welcome_state == "failed"


@pytest.mark.django_db(transaction=True)
def test_sign_up_survives_a_bug_in_a_receivers_work(client, monkeypatch, caplog):
    def fail(user):
        raise RuntimeError("a bug")

    monkeypatch.setattr(signals, "send_welcome_email", fail)
    sign_up(client)
    assert "a bug" in caplog.text
