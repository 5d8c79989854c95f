"""The README's traps. In each test, the naive way fails first and then the right way works."""

import subprocess
import sys
from contextlib import contextmanager
from functools import partial

import pytest
from django.db import transaction
from django.db.models.signals import post_save
from each_step.factories import sign_up

from accounts.models import Profile, User

pytestmark = pytest.mark.django_db(transaction=True)


def create_user(name="ada"):
    return User.objects.create_user(name, f"{name}@example.com")


@contextmanager
def connected(receiver, sender=User, **options):
    """Connect a receiver to post_save while the block runs."""
    post_save.connect(receiver, sender=sender, **options)
    try:
        yield
    finally:
        post_save.disconnect(receiver, sender=sender, dispatch_uid=options.get("dispatch_uid"))


def test_receivers_that_nobody_imports_are_never_called():
    # In a process of its own: this one has imported the receivers long ago.
    script = """
import django
from django.apps import apps
from django.db.models.signals import post_save

from accounts.apps import AccountsConfig

imports_the_receivers, AccountsConfig.ready = AccountsConfig.ready, lambda config: None
django.setup()
print(post_save.has_listeners(apps.get_model("accounts", "User")))
imports_the_receivers(apps.get_app_config("accounts"))
print(post_save.has_listeners(apps.get_model("accounts", "User")))
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.stdout.split() == ["False", "True"], result.stderr


def test_receiver_connected_twice_is_called_twice():
    calls = []

    def connect(**options):
        def receiver(**kwargs):  # a new function each time, as when its module is loaded twice
            calls.append("called")

        return connected(receiver, weak=False, **options)

    with connect(), connect():
        create_user("ada")
    assert len(calls) == 2

    calls.clear()
    with connect(dispatch_uid="welcome"), connect(dispatch_uid="welcome"):
        create_user("bob")
    assert len(calls) == 1


def test_bulk_create_sends_no_signal(mailoutbox):
    User.objects.bulk_create([User(username="ada", email="ada@example.com")])
    assert not Profile.objects.exists()
    assert mailoutbox == []

    with transaction.atomic():
        for user in [User(username="bob", email="bob@example.com")]:
            user.save()
    assert Profile.objects.get().user.username == "bob"
    assert len(mailoutbox) == 1


def test_receiver_that_saves_its_own_instance_calls_itself_without_end():
    def naive(instance, **kwargs):
        instance.bio = instance.bio.title()
        instance.save()

    def right(instance, **kwargs):
        Profile.objects.filter(pk=instance.pk).update(bio=instance.bio.title())

    with connected(naive, sender=Profile), pytest.raises(RecursionError):
        create_user("ada")

    with connected(right, sender=Profile):
        create_user("bob")
    assert Profile.objects.get(user__username="bob").bio == "New Here, And Glad To Be."


def test_receiver_that_does_not_ask_for_created_is_called_at_each_login(client):
    naive, right = [], []

    def count(created, **kwargs):
        naive.append("welcome")
        if created:
            right.append("welcome")

    with connected(count):
        sign_up(client)  # which saves the user, and saves the time of the login
    assert len(naive) == 2
    assert len(right) == 1


def test_failing_receiver_undoes_no_save_outside_a_transaction():
    def fail(**kwargs):
        raise RuntimeError("receiver failed")

    with connected(fail), pytest.raises(RuntimeError):
        create_user("ada")
    assert User.objects.filter(username="ada").exists()

    with connected(fail), pytest.raises(RuntimeError), transaction.atomic():
        create_user("bob")
    assert not User.objects.filter(username="bob").exists()


def test_on_commit_outside_a_transaction_does_not_wait():
    events = []

    def receiver(**kwargs):
        transaction.on_commit(lambda: events.append("mail"))
        events.append("receiver ends")

    with connected(receiver):
        create_user("ada")
        assert events == ["mail", "receiver ends"]

        events.clear()
        with transaction.atomic():
            create_user("bob")
        assert events == ["receiver ends", "mail"]


def test_robust_logs_a_failed_lambda_and_stumbles_over_a_failed_partial(caplog):
    def fail():
        raise RuntimeError("a bug")

    with pytest.raises(AttributeError), transaction.atomic():
        transaction.on_commit(partial(fail), robust=True)

    with transaction.atomic():
        transaction.on_commit(lambda: fail(), robust=True)
    assert "a bug" in caplog.text


def test_new_picture_is_resized_only_if_update_fields_names_it(user, events):
    user.profile.save()
    assert events().count("resize picture") == 0

    user.profile.save(update_fields=["picture"])
    assert events().count("resize picture") == 1
