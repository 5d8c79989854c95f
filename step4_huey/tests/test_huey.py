"""What this step alone promises: the request only queues, on commit, and Huey's workers work."""

import uuid
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.utils import timezone
from huey.signals import SIGNAL_INTERRUPTED

from accounts import leases, tasks
from accounts.jokes import FALLBACK
from accounts.models import Profile, User

from .factories import sign_up

pytestmark = pytest.mark.django_db(transaction=True)


def run_next(queue):
    """Run the task that has waited longest, as a worker would."""
    queue.execute(queue.dequeue())


def queued(queue):
    return sorted(task.name for task in queue.pending())


def test_tasks_are_queued_even_in_debug_mode():
    assert settings.HUEY["immediate"] is False


def test_page_comes_back_before_anything_slow_is_done(client, queue, work, mailoutbox):
    sign_up(client)
    assert work == {}
    assert queued(queue) == ["resize_profile_image", "send_welcome_email"]
    profile = Profile.objects.get()
    assert (profile.picture_state, profile.welcome_state) == ("waiting", "waiting")
    run_next(queue)
    run_next(queue)
    profile.refresh_from_db()
    assert (profile.picture_state, profile.welcome_state) == ("done", "done")
    assert len(mailoutbox) == 1


def test_nothing_slow_runs_in_a_transaction(client, queue, work):
    sign_up(client)
    run_next(queue)
    run_next(queue)
    assert [in_transaction for _, in_transaction in work.values()] == [False, False, False]


def test_every_piece_of_work_is_logged(client, queue, events):
    sign_up(client)
    assert events() == [
        "hash password",
        "create profile",
        "save user",
        "queue",
        "queue",
        "sign-up",
    ]
    run_next(queue)
    run_next(queue)
    assert events()[6:] == ["fetch joke", "send mail", "resize picture"]


def test_tasks_are_queued_on_commit_and_not_before(queue):
    with transaction.atomic():
        user = User.objects.create_user("ada", "ada@example.com")
        user.profile.picture = "pictures/ada.jpeg"
        user.profile.save()
        assert queued(queue) == []
    assert queued(queue) == ["resize_profile_image", "send_welcome_email"]


def test_rollback_queues_nothing(queue):
    with pytest.raises(RuntimeError), transaction.atomic():
        User.objects.create_user("ada", "ada@example.com")
        raise RuntimeError("roll back")
    assert queued(queue) == []


def test_mail_that_was_not_sent_is_tried_again_with_growing_pauses(client, queue, monkeypatch):
    def refuse(mail):
        raise OSError("mail server asleep")

    with monkeypatch.context() as patched:
        patched.setattr(EmailMultiAlternatives, "send", refuse)
        sign_up(client)
        run_next(queue)
        profile = Profile.objects.get()
        assert profile.welcome_error == "mail server asleep"
        assert profile.welcome_state == "retrying"
        [retry] = queue.scheduled()
        assert retry.name == "send_welcome_email"
        assert (retry.retries, retry.retry_delay) == (7, 2)
    retry.eta = None
    queue.execute(retry)
    assert Profile.objects.get().welcome_state == "done"


def test_mail_waits_for_its_joke_for_three_tries(client, queue, joke_api, mailoutbox):
    joke_api.clear()
    sign_up(client)
    run_next(queue)
    pauses = []
    while not mailoutbox:
        assert Profile.objects.get().welcome_state == "retrying"
        [retry] = queue.scheduled()
        pauses.append(retry.retry_delay / 2)  # already that of the time after
        queue.storage.flush_schedule()
        retry.eta = None
        queue.execute(retry)
    assert pauses == [1, 2, 4]
    assert FALLBACK in mailoutbox[0].body
    assert Profile.objects.get().welcome_state == "done"


def test_picture_that_cannot_be_read_is_not_tried_again(client, queue):
    sign_up(client)
    profile = Profile.objects.get()
    profile.picture.storage.delete(profile.picture.name)
    run_next(queue)
    run_next(queue)
    assert Profile.objects.get().picture_state == "failed"
    assert queue.scheduled() == []


def test_task_of_a_user_who_is_gone_does_nothing(queue, mailoutbox):
    tasks.send_welcome_email(uuid.uuid4())
    run_next(queue)
    assert mailoutbox == []
    assert queue.scheduled() == []


def test_sign_up_survives_a_broken_queue(client, queue, monkeypatch, caplog):
    def fail(task):
        raise OSError("disk full")

    monkeypatch.setattr(queue, "enqueue", fail)
    sign_up(client)
    assert caplog.text.count("disk full") >= 2
    assert Profile.objects.get().welcome_state == "waiting"


def test_saving_a_profile_again_queues_no_second_resize(client, queue):
    sign_up(client)
    run_next(queue)
    run_next(queue)
    Profile.objects.get().save()
    assert queued(queue) == []


# Nothing is lost


@pytest.fixture
def signed_up(client, queue):
    """The profile of somebody who signed up a while ago, and whose tasks are lost."""
    sign_up(client)
    queue.flush()
    User.objects.update(date_joined=timezone.now() - timedelta(hours=1))
    return Profile.objects.get()


def repair():
    tasks.repair.call_local()


def expire_leases():
    past = timezone.now() - timedelta(seconds=1)
    Profile.objects.update(picture_leased_until=past, welcome_leased_until=past)


def test_lost_tasks_are_queued_again(signed_up, queue):
    repair()
    assert queued(queue) == ["resize_profile_image", "send_welcome_email"]


def test_repair_leaves_tasks_alone_that_merely_wait(signed_up, queue):
    repair()
    repair()
    assert len(queue.pending()) == 2


def test_repair_leaves_tasks_alone_that_wait_for_their_retry(signed_up, queue, broken_mail):
    repair()
    run_next(queue)
    repair()
    assert queued(queue) == ["resize_profile_image"]
    assert len(queue.scheduled()) == 1


def test_repair_leaves_tasks_alone_whose_retry_is_queued_meanwhile(signed_up, queue, monkeypatch):
    to_do = leases.to_do

    def to_do_after_a_failed_try(work):
        if work == "welcome":
            tasks.send_welcome_email.schedule(args=(signed_up.pk,), delay=60)
        return to_do(work)

    monkeypatch.setattr(leases, "to_do", to_do_after_a_failed_try)
    repair()
    assert queued(queue) == ["resize_profile_image", "send_welcome_email"]


def test_repair_leaves_alone_who_is_just_signing_up(client, queue):
    sign_up(client)
    queue.flush()
    repair()
    assert queued(queue) == []


def test_repair_leaves_alone_what_a_worker_is_at(signed_up, queue):
    assert leases.take("picture", signed_up.pk)
    assert leases.take("welcome", signed_up.pk)
    repair()
    assert queued(queue) == []


def test_work_of_a_dead_worker_is_queued_again_when_its_lease_has_run_out(signed_up, queue):
    leases.take("picture", signed_up.pk)
    expire_leases()
    repair()
    assert "resize_profile_image" in queued(queue)


def test_two_workers_never_do_the_same_work(signed_up, queue, mailoutbox):
    assert leases.take("welcome", signed_up.pk)
    tasks.send_welcome_email(signed_up.pk)
    run_next(queue)
    assert mailoutbox == []


def test_task_that_was_queued_twice_does_its_work_once(signed_up, queue, mailoutbox):
    for _ in range(2):
        tasks.send_welcome_email(signed_up.pk)
        tasks.resize_profile_image(signed_up.pk)
    for _ in range(4):
        run_next(queue)
    assert len(mailoutbox) == 1
    assert Profile.objects.get().picture_attempts == 1


def test_work_that_kills_its_workers_is_given_up(signed_up, queue):
    for _ in range(leases.MAX_ATTEMPTS):
        assert leases.take("picture", signed_up.pk)
        expire_leases()
    repair()
    assert "resize_profile_image" not in queued(queue)
    assert Profile.objects.get().picture_error == "given up after 20 attempts"


def test_mail_that_was_begun_too_often_is_given_up_in_spite_of_its_retries(signed_up, queue):
    Profile.objects.update(
        welcome_attempts=leases.MAX_ATTEMPTS, welcome_error="451 later", welcome_retries=3
    )
    repair()
    assert queued(queue) == ["resize_profile_image"]
    assert Profile.objects.get().welcome_state == "failed"
    assert not leases.take("welcome", signed_up.pk)


def test_mail_that_failed_for_good_is_not_tried_again(signed_up, queue, broken_mail):
    Profile.objects.update(welcome_error="refused", welcome_retries=0)
    repair()
    assert queued(queue) == ["resize_profile_image"]


def test_interrupted_task_is_handed_back(signed_up, queue):
    tasks.send_welcome_email(signed_up.pk)
    task = queue.dequeue()
    leases.take("welcome", signed_up.pk)
    queue._emit(SIGNAL_INTERRUPTED, task)
    assert queued(queue) == ["send_welcome_email"]
    assert leases.take("welcome", signed_up.pk)


def test_interrupted_repair_is_not_handed_back(queue):
    queue._emit(SIGNAL_INTERRUPTED, tasks.repair.task_class())
    assert queued(queue) == []
