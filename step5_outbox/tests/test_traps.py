"""The README's traps. In each test, the naive way fails first and then the right way works."""

import pytest
from django.db import transaction

from accounts.models import User
from outbox.models import Job
from outbox.tasks import add_job

pytestmark = pytest.mark.django_db(transaction=True)


def test_job_added_after_the_commit_is_lost_if_the_process_dies_there():
    def die():
        raise SystemExit

    def sign_up_and_die_after_the_commit(add_jobs):
        with pytest.raises(SystemExit), transaction.atomic():
            transaction.on_commit(die)
            [user] = User.objects.bulk_create([User(username="ada")])  # without our receivers
            add_jobs(user)
        assert User.objects.get() == user
        user.delete()

    sign_up_and_die_after_the_commit(
        lambda user: transaction.on_commit(lambda: add_job("welcome", user.pk))
    )
    assert not Job.objects.exists()

    sign_up_and_die_after_the_commit(lambda user: add_job("welcome", user.pk))
    assert Job.objects.get().work == "welcome"


def test_two_workers_do_the_same_if_the_lease_is_shorter_than_the_work(settings):
    longest = 2 * settings.CONVERSATION_SECONDS  # the joke and the mail
    own, settings.OUTBOX_LEASE_SECONDS = settings.OUTBOX_LEASE_SECONDS, 0
    add_job("welcome", "ada")
    assert Job.objects.claim("first") == Job.objects.claim("second")

    settings.OUTBOX_LEASE_SECONDS = own
    assert own > longest
    assert Job.objects.claim("first")
    assert Job.objects.claim("second") is None
