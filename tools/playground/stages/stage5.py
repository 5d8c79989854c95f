"""From step 4 to step 5: a row committed with the user remembers each piece of work."""

from dataclasses import replace

from ..tasks import DJANGO, HUEY, Task, Wrong, expect_no_error, expect_profile
from ..workers import BACK_SECONDS, LEASE_SECONDS, OVER_SECONDS
from .stage3 import STILL

BEFORE = f"""A lease is the time for which a worker has a job to itself. In the settings, take its
seconds from the environment, because the checker can't wait for a minute:
OUTBOX_LEASE_SECONDS = env.float("OUTBOX_LEASE_SECONDS", default=60)
The checker sets it to {LEASE_SECONDS}. It kills or stops a worker, starts a consumer
{OVER_SECONDS} seconds later, and gives that one {BACK_SECONDS} seconds to do the work.
A new table needs a migration: `manage.py makemigrations` in the folder, with the Python in .venv.\
"""
CLUE = (
    f"With a lease of {LEASE_SECONDS} s, a consumer that starts {OVER_SECONDS} s later must find"
    " the job free. Does OUTBOX_LEASE_SECONDS come from the environment, and does a consumer look"
    " for such rows when it starts?"
)


def row(seen):
    tried, saved, pictured = seen.ask("rollback"), seen.commit(), seen.ask("picture")
    expect_no_error(tried, saved, pictured)
    if not tried["rows_inside"]:
        raise Wrong(
            "Nothing in the database remembers the mail: the transaction that saves the user writes"
            " no row for it."
        )
    if tried["rows_after"]:
        raise Wrong("A rollback left the job's row behind: the user that it is for is not there.")
    if not saved["rows"]:
        raise Wrong("The job's row is gone after the commit, though no worker has done the job.")
    if not pictured["rows_inside"]:
        raise Wrong("Nothing in the database remembers the picture's resize.")


def killed(seen):
    result, _ = seen.workers.killed_and_wiped
    expect_profile(result)
    if not result["began"]:
        raise Wrong(f"A consumer ran, and never began to send the mail.{logged(seen)}")
    if not result["came"]:
        raise Wrong(
            "A worker was killed while it sent a mail, and the mail never came, though a consumer"
            f" runs again.{logged(seen)} {CLUE}"
        )


def wiped(seen):
    _, result = seen.workers.killed_and_wiped
    expect_profile(result)
    if not result["came"]:
        raise Wrong(
            "The queue was wiped, and the mail or the picture never came: nobody looks for rows"
            f" whose task is lost when a consumer starts.{logged(seen)}"
        )


def woken(seen):
    result = seen.workers.woken()
    if not result["began"]:
        raise Wrong(
            "A consumer ran, and did not begin to send the mail and to resize the picture."
            f"{logged(seen)}"
        )
    if not result["took_over"]:
        raise Wrong(
            "A worker was stopped at work, and no other has taken its jobs over."
            f"{logged(seen)} {CLUE}"
        )
    if result["is_touched"]:
        raise Wrong(
            "A worker that was stopped for longer than its lease woke up, and changed the row of a"
            " job that another worker has by now. Without a lease, both work on it."
        )


def logged(seen):
    error = seen.logged_by_consumers()
    return f" The log says: {error}." if error else ""


TASKS = [
    Task(
        name="row",
        promise="Each mail and each resize has a row in a table of its own, committed with the"
        " user or the picture; a rollback leaves none.",
        why="Between the commit and the queue a process can die. One transaction holds both.",
        judge=row,
        hints=(
            "Let the receiver write a row that describes the work: it runs inside the transaction"
            " that saves the user. The queue then only wakes the workers.",
            f"{DJANGO}/topics/db/transactions/#django.db.transaction.atomic",
            'Job.objects.create(work="welcome", key=user.pk)',
        ),
    ),
    Task(
        name="killed",
        promise="A mail whose worker is killed is sent when a consumer runs again.",
        why="Huey deletes a task when a worker takes it, so a killed worker's task is gone.",
        judge=killed,
        after="row",
        hints=(
            "A worker leases a job for OUTBOX_LEASE_SECONDS, and deletes the row when the work is"
            " done. A row whose lease has ended is free again. A periodic task can look for such"
            " rows: Huey also runs it when a consumer starts.",
            f"{HUEY}/guide.html#periodic-tasks",
            '@db_periodic_task(crontab(minute="*"))',
        ),
    ),
    Task(
        name="wiped",
        promise="A mail is sent even if the whole queue is wiped before a worker takes its task.",
        why="A broker without a disk forgets; a queue can be emptied by mistake.",
        judge=wiped,
        after="row",
        hints=(
            "The rows say what is unfinished, not the tasks. When a consumer starts, it looks for"
            " all rows that are due, whether they ever had a task or not.",
            f"{HUEY}/guide.html#periodic-tasks",
            "Job.objects.filter(due_at__lte=timezone.now())",
        ),
    ),
    Task(
        name="woken",
        promise="A worker that wakes up when its lease has ended does not touch the job's row.",
        why="Another worker has the job by then. Deleting or freeing its row would undo that.",
        judge=woken,
        after="killed",
        hints=(
            "At the end, a worker may write only while it still holds the lease. Make this"
            " condition a part of the UPDATE or DELETE itself.",
            f"{DJANGO}/ref/models/querysets/#update",
            "Job.objects.filter(pk=job.pk, claim=claim).delete()",
        ),
    ),
    replace(STILL, after="row"),
]
