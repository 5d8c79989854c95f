"""From step 4 to step 5: a row committed with the user remembers each piece of work."""

from ..tasks import DJANGO, HUEY, Task, raised, refused

BEFORE = """A lease is the time for which a worker has a job to itself. In the settings, take its
seconds from the environment, because the checker can't wait for a minute:
OUTBOX_LEASE_SECONDS = env.float("OUTBOX_LEASE_SECONDS", default=60)
A new table needs a migration: `manage.py makemigrations` in the folder, with the Python in .venv.\
"""
CLUES = "Check sets OUTBOX_LEASE_SECONDS to 1: does your lease follow it?"


def row(seen):
    tried, saved, pictured = seen.ask("rollback"), seen.ask("commit"), seen.ask("picture")
    if message := raised(tried, saved, pictured):
        return message
    if not tried["rows_inside"]:
        return (
            "Nothing in the database remembers the mail: the transaction that saves the user writes"
            " no row for it."
        )
    if tried["rows_after"]:
        return "A rollback left the job's row behind: the user that it is for is not there."
    if not saved["rows"]:
        return "The job's row is gone after the commit, though no worker has done the job."
    if not pictured["rows_inside"]:
        return "Nothing in the database remembers the picture's resize."
    return ""


def killed(seen):
    result = seen.play("killed_and_wiped")
    if message := problem(result) or refused(result["killed"]):
        return message
    if not result["began"]:
        return "A consumer ran, and never began to send the mail."
    if not result["killed"]["came"]:
        return (
            "A worker was killed while it sent a mail, and the mail never came, though a consumer"
            f" runs again. {CLUES}"
        )
    return ""


def wiped(seen):
    result = seen.play("killed_and_wiped")
    if message := problem(result) or refused(result["wiped"]):
        return message
    if not result["wiped"]["came"]:
        return (
            "The queue was wiped, and the mail or the picture never came: nobody looks for rows"
            " whose task is lost when a consumer starts."
        )
    return ""


def woken(seen):
    result = seen.play("woken")
    if message := problem(result):
        return message
    if not result["began"]:
        return "A consumer ran, and did not begin to send the mail and to resize the picture."
    if not result["took_over"]:
        return f"A worker was stopped at work, and no other has taken its jobs over. {CLUES}"
    if result["after"] != result["before"]:
        return (
            "A worker that was stopped for longer than its lease woke up, and changed the row of a"
            " job that another worker has by now. Without a lease, both have it at once."
        )
    return ""


def problem(result):
    return f"The consumer ended: {result['problem']}" if result["problem"] else ""


TASKS = [
    Task(
        name="row",
        promise="Each mail and each resize has a row in a table of its own, committed with the"
        " user or the picture; a rollback leaves none.",
        why="Between the commit and the queue a process can die. One transaction holds both.",
        judge=row,
        hints=(
            "Write down in the database what is to do, where the receiver is called: it runs in the"
            " transaction. The queue then only wakes the workers.",
            f"{DJANGO}/topics/db/transactions/#django.db.transaction.atomic",
            'Job.objects.create(work="welcome", key=user.pk)',
        ),
    ),
    Task(
        name="killed",
        promise="A mail whose worker is killed is sent when a consumer runs again.",
        why="Taking a task deletes it from Huey's queue: a killed worker takes it along.",
        judge=killed,
        after="row",
        hints=(
            "A worker takes a job on lease, for OUTBOX_LEASE_SECONDS (from the environment), and"
            " deletes the row when it is done. A row whose lease has ended is free again. Who looks"
            " for such rows?",
            f"{HUEY}/guide.html#periodic-tasks",
            '@db_periodic_task(crontab(minute="*"))',
        ),
    ),
    Task(
        name="wiped",
        promise="A mail is sent though the whole queue was wiped before a worker took its task.",
        why="A broker without a disk forgets; a queue can be emptied by mistake.",
        judge=wiped,
        after="killed",
        hints=(
            "A task is never the only one to know of a job. When a consumer starts, let it look for"
            " all rows that are due, whether they ever had a task or not.",
            f"{HUEY}/guide.html#periodic-tasks",
            "Job.objects.filter(due_at__lte=timezone.now())",
        ),
    ),
    Task(
        name="woken",
        promise="A worker that wakes up when its lease has ended does not touch the job's row.",
        why="Another worker has the job by then: to delete or to free its row would undo that.",
        judge=woken,
        after="killed",
        hints=(
            "What a worker writes at the end may count only while the job is still its own. Let the"
            " same UPDATE that writes ask for that.",
            f"{DJANGO}/ref/models/querysets/#update",
            "Job.objects.filter(pk=job.pk, claim=claim).delete()",
        ),
    ),
]
