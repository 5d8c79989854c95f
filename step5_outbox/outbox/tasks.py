from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import import_string
from huey import crontab
from huey.contrib.djhuey import db_periodic_task, db_task, signal
from huey.signals import SIGNAL_INTERRUPTED

from .models import LONGEST_PAUSE, Job

BATCH = 100  # workers' tasks that a repair queues at most for each kind of work


def add_job(work, key):
    """Add a job in the caller's transaction, and call for a worker after its commit."""
    Job.objects.create(work=work, key=key)
    # A lambda, because robust=True logs the function's __qualname__, and a task has none.
    transaction.on_commit(lambda: run_next(), robust=True)


@db_task(context=True)
def run_next(again=False, task=None):
    """Do the most urgent job that is due, if there is one; with `again`, then call for the next.

    The rows say what is to do and in which order: tasks may be lost, late or too many.
    """
    job = Job.objects.claim(task.id)
    if not job:
        return
    if again:
        run_next(again=True)
    try:
        import_string(settings.OUTBOX_WORK[job.work])(job.key)
    except Exception as error:
        if pause := job.failed((str(error) or repr(error)).replace("\0", "")):
            run_next.schedule(delay=pause)
        raise  # for Huey to log it
    job.done()


@db_periodic_task(crontab(minute="*"))  # and when a consumer starts
def repair():
    """Call for workers whose tasks are lost, at the moment when their jobs are due.

    Huey has no acknowledgements: taking a task deletes it, so a killed worker's task is gone.
    """
    # Farther off than any pause or lease: the clock was set back.
    far_off = timezone.now() + timedelta(seconds=LONGEST_PAUSE + 3 * settings.OUTBOX_LEASE_SECONDS)
    for work in settings.OUTBOX_WORK:
        Job.objects.filter(work=work, due_at__gt=far_off).update(due_at=timezone.now())
        for job in Job.objects.due(work, seconds=60)[:BATCH]:
            run_next.schedule(eta=job.due_at, kwargs={"again": True})


@signal(SIGNAL_INTERRUPTED)
def hand_back(signal_name, task):
    """Let another worker have what SIGTERM has interrupted, which Huey would drop."""
    Job.objects.filter(claim=task.id).update(claim="", due_at=timezone.now())
