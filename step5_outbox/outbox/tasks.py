from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.module_loading import import_string
from huey import crontab
from huey.contrib.djhuey import HUEY, db_periodic_task, db_task, signal
from huey.signals import SIGNAL_INTERRUPTED

from .models import LONGEST_DELAY, Job

LONG_QUEUE = 1_000  # waiting tasks, which keep the workers busy until the next repair


def add_job(work, key):
    """Add a job in the caller's transaction; queue a task on commit. Jobs can't be delayed."""
    if work not in settings.OUTBOX_WORK:
        raise ValueError(f"{work!r} is not in OUTBOX_WORK")
    Job.objects.create(work=work, key=key)
    # A lambda, because robust=True logs the function's __qualname__, and a task has none.
    transaction.on_commit(lambda: do_next_job(), robust=True)


@db_task(context=True)
def do_next_job(task=None):
    """Do the most urgent due job, if any. The rows decide, so tasks may be lost or duplicated."""
    if not (job := Job.objects.claim(task.id)):
        return
    if job.given_up_at:  # a receiver has failed
        return job.give_up(job.error)
    if job.attempts > settings.OUTBOX_MAX_ATTEMPTS:
        return job.give_up(f"killed its worker: given up after {job.attempts - 1} attempts")
    try:
        import_string(settings.OUTBOX_WORK[job.work])(job.key)
    except Exception as error:
        if delay := job.failed(error):
            do_next_job.schedule(delay=delay)
        raise  # for Huey to log it
    job.done()


@db_periodic_task(crontab(minute="*"))  # and when a consumer starts
def repair():
    """Queue tasks in place of lost ones, because Huey deletes a task when a worker takes it."""
    now, jobs = timezone.now(), Job.objects
    # Later than any retry or lease can be, so the clock must have been set back.
    far_off = now + timedelta(seconds=LONGEST_DELAY + 3 * settings.OUTBOX_LEASE_SECONDS)
    jobs.filter(due_at__gt=far_off).update(due_at=now)
    # One task for each due job is enough, because a task does the most urgent job.
    waiting = HUEY.pending(limit=LONG_QUEUE)
    if len(waiting) < LONG_QUEUE:
        own = [task for task in waiting if isinstance(task, do_next_job.task_class)]
        for _ in range(jobs.filter(due_at__lte=now).count() - len(own)):
            do_next_job()
    # Leases that end before the next repair need a task, in case their workers are dead.
    for job in jobs.filter(due_at__range=[now, now + timedelta(minutes=1)]).exclude(claimed_by=""):
        do_next_job.schedule(eta=job.due_at)


@signal(SIGNAL_INTERRUPTED)
def hand_back(signal_name, task):
    """Let another worker have the job that SIGTERM has interrupted. Huey drops the task."""
    job = Job.objects.filter(claimed_by=task.id)
    # The attempt doesn't count. Otherwise a job that lasts would be given up after some restarts.
    if job.update(claimed_by="", due_at=timezone.now(), attempts=F("attempts") - 1):
        do_next_job()
