"""The admin shows what was given up and why, and lets it start again."""

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Profile
from outbox import tasks
from outbox.models import Job

from .test_outbox import break_down, run_all

pytestmark = pytest.mark.django_db(transaction=True)

JOBS = reverse("admin:outbox_job_changelist")


@pytest.fixture
def given_up(user, queue):
    """A user whose mail and picture were given up."""
    queue.flush()
    Job.objects.exclude(key=user.pk).delete()  # the administrator's
    now = timezone.now()
    Job.objects.update(due_at=None, given_up_at=now, attempts=20, error="550 no such user")
    return user


def start_again(client):
    keys = list(Job.objects.values_list("pk", flat=True))
    data = {"action": "start_again", "_selected_action": keys}
    return client.post(JOBS, data, follow=True)


def test_list_shows_what_was_given_up_and_why(admin_client, given_up):
    page = admin_client.get(JOBS, {"given_up_at__isempty": "0"})
    assertContains(page, f"welcome of {given_up.pk}")
    assertContains(page, "550 no such user")
    assertContains(admin_client.get(JOBS, {"given_up_at__isempty": "1"}), "0 jobs")


def test_job_is_shown_and_cannot_be_changed(admin_client, given_up):
    job = Job.objects.first()
    address = reverse("admin:outbox_job_change", args=[job.pk])
    assertContains(admin_client.get(address), "550 no such user")
    assert admin_client.post(address, {"error": "forged"}).status_code == 403
    assert admin_client.get(reverse("admin:outbox_job_add")).status_code == 403
    assert Job.objects.get(pk=job.pk).error == "550 no such user"


def test_job_can_be_deleted(admin_client, given_up):
    mail, picture = Job.objects.order_by("pk")
    admin_client.post(reverse("admin:outbox_job_delete", args=[mail.pk]), {"post": "yes"})
    assert Job.objects.get() == picture


def test_what_was_given_up_starts_again_and_is_done(admin_client, given_up, queue, mailoutbox):
    assertContains(start_again(admin_client), "Started again: 2.")
    assert set(Job.objects.values_list("attempts", flat=True)) == {0}  # all of them once more
    run_all(queue)
    profile = Profile.objects.get(user=given_up)
    assert (profile.picture_state, profile.welcome_state) == ("done", "done")
    assert ["ada@example.com"] in [mail.to for mail in mailoutbox]


def test_what_still_waits_is_left_alone(admin_client, user):
    Job.objects.update(attempts=3)
    assertContains(start_again(admin_client), "Started again: 0.")
    assert set(Job.objects.filter(key=user.pk).values_list("attempts", flat=True)) == {3}


def test_what_starts_again_is_no_longer_leased_by_whoever_was_reporting_it(admin_client, given_up):
    Job.objects.update(claimed_by="another", due_at=timezone.now())
    start_again(admin_client)
    assert set(Job.objects.values_list("claimed_by", flat=True)) == {""}


def test_second_press_starts_nothing_twice(admin_client, given_up, queue, mailoutbox):
    start_again(admin_client)
    assertContains(start_again(admin_client), "Started again: 0.")
    run_all(queue)
    assert len(mailoutbox) == 1


def test_broken_queue_leaves_the_work_to_the_repair(admin_client, given_up, queue, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(queue.storage, "enqueue", break_down)
        assertContains(start_again(admin_client), "Started again: 2.")
    tasks.repair.call_local()
    run_all(queue)
    assert not Job.objects.exists()


def test_who_may_only_look_cannot_start_anything_again(client, given_up):
    given_up.is_staff = True
    given_up.save()
    given_up.user_permissions.add(Permission.objects.get(codename="view_job"))
    client.force_login(given_up)
    assertContains(client.get(JOBS), "550 no such user")
    start_again(client)
    assert not Job.objects.exclude(due_at=None).exists()


def test_admin_is_for_staff(client, user):
    client.force_login(user)
    assert client.get(JOBS).status_code == 302
    assertNotContains(client.get(JOBS, follow=True), "ada@example.com")
