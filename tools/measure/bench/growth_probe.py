"""What is measured in step 5 with so many users, or so many jobs, for growth.py.

Each answer is in seconds, and what was added is gone again before the next question.
"""

import time
from uuid import uuid4

from django.db import connection, transaction
from django.test import Client
from huey.contrib.djhuey import HUEY

from accounts.forms import SignUpForm
from accounts.models import User
from outbox.models import Job
from outbox.tasks import add_job, do_next_job, repair

PASSWORD = "correct horse battery staple"
COUNT_TO = "WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < {})"
USERS = """
    INSERT INTO accounts_user (id, username, email, password, first_name, last_name,
        is_superuser, is_staff, is_active, date_joined)
    {count} SELECT lower(hex(randomblob(16))), 'user-' || n, 'user-' || n || '@example.com', '!',
        '', '', 0, 0, 1, '{before}' FROM count"""
PROFILES = """
    INSERT INTO accounts_profile (user_id, bio, location, picture, thumbnail, picture_error,
        welcome_sent_at, welcome_error)
    SELECT id, '', '', '', '', '', '{before}', '' FROM accounts_user"""
JOBS = """
    INSERT INTO outbox_job (work, key, created_at, due_at, attempts, claimed_by, error)
    {count} SELECT CASE n % 2 WHEN 0 THEN 'welcome' ELSE 'picture' END, 'user-' || n, '{before}',
        '{before}', 0, '', '' FROM count"""
TASKS = "INSERT INTO task (queue, data, priority) {count} SELECT ?, ?, 0 FROM count"


def new_visitor():
    client = Client(headers={"host": "localhost"})
    client.handler.load_middleware()  # a server does so once, and not for each visitor
    return client


visitor = new_visitor()


def fill(users, jobs):
    """Save so many users, and so many jobs that wait, each with its task."""
    before = "2026-11-01 12:00:00.000000"
    with connection.cursor() as cursor:
        cursor.execute(USERS.format(count=COUNT_TO.format(users), before=before))
        cursor.execute(PROFILES.format(before=before))
        cursor.execute(JOBS.format(count=COUNT_TO.format(jobs), before=before))
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    task = HUEY.serialize_task(do_next_job.s())
    with HUEY.storage.db(commit=True) as cursor:
        cursor.execute(TASKS.format(count=COUNT_TO.format(jobs)), [HUEY.name, task])
    sign_up(visitor, "ada")
    clean()
    return [User.objects.count(), Job.objects.count(), HUEY.pending_count()]


def timed(function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def form_data(name):
    data = {"username": name, "email": f"{name}@example.com"}
    return data | {"password1": PASSWORD, "password2": PASSWORD}


def sign_up(client, name):
    response = client.post("/signup/", form_data(name))
    assert response.status_code == 302, response.content


def clean():
    """Remove the users, jobs and tasks that fill() has not made."""
    Job.objects.filter(
        key__in=User.objects.filter(username__startswith="bob").values("pk")
    ).delete()
    Job.objects.filter(due_at__gt="2026-11-02T00:00Z").delete()
    User.objects.filter(username__startswith="bob").delete()
    with HUEY.storage.db(commit=True) as cursor:
        cursor.execute("DELETE FROM task WHERE id > (SELECT count(*) FROM task)")
    HUEY.storage.flush_schedule()


def page():
    seconds, _ = timed(sign_up, new_visitor(), f"bob-{uuid4().hex}")
    clean()
    return seconds


def form():
    seconds, is_valid = timed(SignUpForm(form_data(f"bob-{uuid4().hex}")).is_valid)
    assert is_valid
    return seconds


def profile():
    seconds, response = timed(visitor.get, "/")
    assert b"ada" in response.content
    return seconds


def queue():
    def add():
        with transaction.atomic():
            add_job("welcome", "bob")

    seconds, _ = timed(add)
    clean()
    return seconds


def claim():
    before = Job.objects.filter(work="welcome").order_by("due_at").first()
    seconds, job = timed(Job.objects.claim, "bob")
    assert job.pk == before.pk
    before.save()
    return seconds


def take():
    seconds, data = timed(HUEY.storage.dequeue)
    HUEY.storage.enqueue(data)
    with HUEY.storage.db(commit=True) as cursor:  # in its old place, the first
        cursor.execute("UPDATE task SET id = 1 WHERE id = (SELECT max(id) FROM task)")
    return seconds


def repaired():
    seconds, _ = timed(repair.call_local)
    HUEY.storage.flush_schedule()
    return seconds


QUESTIONS = {
    "fill": fill,
    "sign-up without its hash": page,
    "check of the form": form,
    "profile page": profile,
    "queue a job": queue,
    "claim a job": claim,
    "take a task": take,
    "repair": repaired,
}
