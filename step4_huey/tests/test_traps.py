"""The README's traps. In each test, the naive way fails first and then the right way works."""

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from django.conf import settings
from django.db import connection, transaction
from each_step.factories import picture_content
from huey import SqliteHuey
from huey.contrib.djhuey import on_commit_task, task

from accounts import services, tasks
from accounts.models import Profile, User

pytestmark = pytest.mark.django_db(transaction=True)


def run_as_a_worker(queue):
    """Run all tasks that wait, in a thread with a database connection of its own, as a worker."""

    def run():
        try:
            while task := queue.dequeue():
                queue.execute(task)
        finally:
            connection.close()

    with ThreadPoolExecutor() as worker:
        worker.submit(run).result()


def test_task_queued_before_the_commit_finds_no_row(queue, caplog, mailoutbox):
    with transaction.atomic():
        user = User.objects.create_user("ada", "ada@example.com")
        tasks.send_welcome_email(user.pk)
        run_as_a_worker(queue)
    assert "CancelExecution" in caplog.text  # there was no such user
    assert mailoutbox == []

    queue.flush()
    caplog.clear()
    with transaction.atomic():
        user = User.objects.create_user("bob", "bob@example.com")  # whose receiver uses on_commit()
        run_as_a_worker(queue)
    run_as_a_worker(queue)
    assert len(mailoutbox) == 1


def test_without_immediate_false_tasks_run_in_the_request_while_debug_is_on(settings):
    def what_a_call_runs():
        """Set Huey up again from the settings, call a task, and return what has run by then."""
        spec = importlib.util.find_spec("huey.contrib.djhuey")
        djhuey = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(djhuey)
        ran = []

        @djhuey.task()
        def work():
            ran.append("work")

        work()
        djhuey.HUEY.storage.close()
        return ran

    settings.DEBUG = True
    right = settings.HUEY

    settings.HUEY = {name: value for name, value in right.items() if name != "immediate"}
    assert what_a_call_runs() == ["work"]

    settings.HUEY = right
    assert what_a_call_runs() == []


def test_on_commit_task_fails_the_sign_up_after_its_commit(queue, monkeypatch, caplog):
    def fail(task):
        raise OSError("disk full")

    @on_commit_task()
    def naive(user_id):
        pass

    monkeypatch.setattr(queue, "enqueue", fail)
    with pytest.raises(OSError), transaction.atomic():
        user = User(username="ada", email="ada@example.com")
        naive(user.pk)
        User.objects.bulk_create([user])  # without the receivers
    assert User.objects.exists()

    with transaction.atomic():
        User.objects.create_user("bob", "bob@example.com")  # whose receivers say robust=True
    assert "disk full" in caplog.text


def test_resize_that_is_queued_with_the_profile_finds_no_picture(queue, media_root):
    content = picture_content()
    (media_root / "ada.jpeg").write_bytes(content)

    user = User.objects.create_user("ada", "ada@example.com")
    tasks.resize_profile_image(user.pk)
    run_as_a_worker(queue)
    Profile.objects.filter(user=user).update(picture="ada.jpeg")
    run_as_a_worker(queue)
    assert Profile.objects.get().picture_state == "waiting"

    profile = Profile.objects.get()
    profile.save(update_fields=["picture"])  # whose receiver queues the task
    run_as_a_worker(queue)
    assert Profile.objects.get().picture_state == "done"


def test_task_that_is_given_the_user_works_with_the_user_of_then(queue, mailoutbox):
    @task()
    def send_welcome_email(user):
        services.send_welcome_email(user)

    user = User.objects.create_user("ada", "old@example.com")
    queue.flush()
    send_welcome_email(user)
    tasks.send_welcome_email(user.pk)
    User.objects.update(email="new@example.com")
    run_as_a_worker(queue)
    assert sorted(mail.to for mail in mailoutbox) == [["new@example.com"], ["old@example.com"]]


def test_relative_filename_is_another_queue_in_another_folder(tmp_path, monkeypatch):
    def found_by_the_worker(filename):
        """Return how many tasks a worker finds that was started in another folder than the site."""
        for folder in ["site", "worker"]:
            (tmp_path / folder).mkdir(exist_ok=True)

        monkeypatch.chdir(tmp_path / "site")
        site = SqliteHuey("signup", filename=filename)

        @site.task()
        def work():
            pass

        work()
        site.storage.close()

        monkeypatch.chdir(tmp_path / "worker")
        worker = SqliteHuey("signup", filename=filename)
        with closing(worker.storage):
            return worker.pending_count()

    assert found_by_the_worker("huey.sqlite3") == 0

    assert settings.HUEY["filename"].is_absolute()
    assert found_by_the_worker(tmp_path / "huey.sqlite3") == 1
