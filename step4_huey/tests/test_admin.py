"""The admin shows what failed and why, and lets it start again."""

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from accounts import leases
from accounts.models import Profile

pytestmark = pytest.mark.django_db(transaction=True)

PROFILES = reverse("admin:accounts_profile_changelist")


@pytest.fixture
def failed(user, queue):
    """A profile of which picture and mail failed for good."""
    queue.flush()
    Profile.objects.update(
        picture_error="cannot identify image file",
        picture_attempts=leases.MAX_ATTEMPTS,
        welcome_error="550 no such user",
    )
    return user.profile


def start_again(client, profile):
    data = {"action": "start_again", "_selected_action": [profile.pk]}
    return client.post(PROFILES, data, follow=True)


def test_list_shows_what_failed_and_why(admin_client, failed):
    page = admin_client.get(PROFILES, {"welcome_error__isempty": "0"})
    assertContains(page, "cannot identify image file")
    assertContains(page, "550 no such user")
    assertContains(admin_client.get(PROFILES, {"q": "nobody"}), "0 profiles")


def test_profile_is_shown_and_cannot_be_changed(admin_client, failed):
    address = reverse("admin:accounts_profile_change", args=[failed.pk])
    assertContains(admin_client.get(address), "550 no such user")
    assert admin_client.post(address, {"welcome_error": "forged"}).status_code == 403
    delete = reverse("admin:accounts_profile_delete", args=[failed.pk])
    assert admin_client.post(delete, {"post": "yes"}).status_code == 403
    assert admin_client.get(reverse("admin:accounts_profile_add")).status_code == 403
    assert Profile.objects.get(pk=failed.pk).welcome_error == "550 no such user"


def test_what_failed_for_good_starts_again_and_is_done(admin_client, failed, queue, mailoutbox):
    assertContains(start_again(admin_client, failed), "Started again: 2.")
    while task := queue.dequeue():
        queue.execute(task)
    profile = Profile.objects.get(pk=failed.pk)
    assert (profile.picture_state, profile.welcome_state) == ("done", "done")
    assert [mail.to for mail in mailoutbox] == [["ada@example.com"]]


def test_what_did_not_fail_is_left_alone(admin_client, user, queue):
    Profile.objects.update(welcome_error="451 later", welcome_retries=3)
    queue.flush()
    assertContains(start_again(admin_client, user.profile), "Started again: 0.")
    assert queue.pending() == []
    assert Profile.objects.get(user=user).welcome_retries == 3


def test_second_press_starts_nothing_twice(admin_client, failed, queue):
    start_again(admin_client, failed)
    assertContains(start_again(admin_client, failed), "Started again: 0.")
    assert len(queue.pending()) == 2


def test_broken_queue_leaves_the_work_to_the_repair(admin_client, failed, queue, monkeypatch):
    def break_down(*args, **kwargs):
        raise OSError("the queue's disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(queue.storage, "enqueue", break_down)
        assertContains(start_again(admin_client, failed), "Started again: 2.")
    assert Profile.objects.get(pk=failed.pk) in leases.to_do("picture")


def test_who_may_only_look_cannot_start_anything_again(client, failed):
    failed.user.is_staff = True
    failed.user.save()
    failed.user.user_permissions.add(Permission.objects.get(codename="view_profile"))
    client.force_login(failed.user)
    assertContains(client.get(PROFILES), "550 no such user")
    start_again(client, failed)
    assert Profile.objects.get(pk=failed.pk).welcome_state == "failed"


def test_admin_is_for_staff(client, user):
    client.force_login(user)
    assert client.get(PROFILES).status_code == 302
    assertNotContains(client.get(PROFILES, follow=True), "ada@example.com")
