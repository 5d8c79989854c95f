"""What this step alone promises: the request only queues, on commit, and Huey's workers work."""

import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from each_step.factories import sign_up

from accounts import services
from accounts.models import Profile, User

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
        "receive form",
        "hash password",
        "create profile",
        "save user",
        "queue",
        "queue",
        "sign-up",
    ]
    run_next(queue)
    run_next(queue)
    assert events()[7:] == ["fetch joke", "send mail", "resize picture"]


def test_tasks_are_queued_on_commit_and_not_before(queue):
    with transaction.atomic():
        user = User.objects.create_user("ada", "ada@example.com")
        user.profile.picture = "pictures/ada.jpeg"
        user.profile.save(update_fields=["picture"])
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
        assert retry.priority == -1  # after new pictures
    retry.eta = None
    queue.execute(retry)
    assert Profile.objects.get().welcome_state == "done"


def test_mail_that_is_refused_too_often_has_failed(client, queue, broken_mail):
    sign_up(client)
    states = []
    run_next(queue)
    while retries := queue.scheduled():
        queue.storage.flush_schedule()
        states.append(Profile.objects.get().welcome_state)
        retries[0].eta = None
        queue.execute(retries[0])
    assert states == ["retrying"] * 8
    profile = Profile.objects.get()
    assert (profile.welcome_state, profile.welcome_error) == ("failed", "mail server asleep")


def test_task_of_a_user_who_is_gone_is_not_tried_again(client, queue):
    sign_up(client)
    User.objects.all().delete()
    run_next(queue)
    run_next(queue)
    assert queue.scheduled() == []


def test_new_pictures_go_before_mails_that_are_tried_again(client, queue, broken_mail, events):
    sign_up(client)
    run_next(queue)
    [retry] = queue.scheduled()
    retry.eta = None
    queue.enqueue(retry)  # as the scheduler does when its time has come
    run_next(queue)
    assert events()[-1] == "resize picture"
    assert queued(queue) == ["send_welcome_email"]


def test_mails_go_before_pictures_that_wait_longer(client, queue, events):
    sign_up(client)
    User.objects.create_user("grace", "grace@example.com")
    for _ in range(3):
        run_next(queue)
    assert [e for e in events() if e in ("send mail", "resize picture")] == [
        "send mail",
        "send mail",
        "resize picture",
    ]


def test_storage_that_is_away_is_asked_again(client, queue, monkeypatch):
    def fail(picture):
        raise OSError("the storage is away")

    sign_up(client)
    run_next(queue)
    with monkeypatch.context() as patched:
        patched.setattr(services, "make_thumbnail", fail)
        run_next(queue)
    assert Profile.objects.get().picture_state == "retrying"
    [retry] = queue.scheduled()
    retry.eta = None
    queue.execute(retry)
    assert Profile.objects.get().picture_state == "done"


def test_picture_that_cannot_be_decoded_is_not_tried_again(client, queue):
    sign_up(client)
    Path(Profile.objects.get().picture.path).write_bytes(b"no picture")
    run_next(queue)
    run_next(queue)
    assert Profile.objects.get().picture_state == "failed"
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
    Profile.objects.get().save()  # while the picture waits, and
    run_next(queue)
    run_next(queue)
    Profile.objects.get().save()  # when it is done
    assert queued(queue) == []


def test_task_that_a_killed_worker_was_at_is_lost(client, queue):
    sign_up(client)
    queue.dequeue()  # as a worker does that is killed then
    assert queued(queue) == ["resize_profile_image"]
    assert queue.scheduled() == []


def test_orphans_are_removed_every_night(queue, media_root):
    orphan = media_root / "pictures" / "orphan.jpeg"
    orphan.parent.mkdir()
    orphan.touch()
    os.utime(orphan, (0, 0))
    day = [datetime(2026, 11, 21) + timedelta(minutes=minute) for minute in range(24 * 60)]
    tasks_of_the_day = [task for minute in day for task in queue.read_periodic(minute)]
    [task] = [task for task in tasks_of_the_day if task.name == "remove_orphans"]
    queue.execute(task)
    assert not orphan.exists()
