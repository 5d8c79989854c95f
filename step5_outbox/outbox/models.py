from datetime import timedelta
from itertools import chain
from random import uniform

from django.conf import settings
from django.db import connection, models, transaction
from django.dispatch import Signal
from django.utils import timezone

LONGEST_DELAY = 600  # seconds before a job that failed is tried again

given_up = Signal()  # sent with `job`, and again until no receiver fails


class GiveUp(Exception):
    """Raised by a work function when trying again can't help. Its text is the reason."""


class JobQuerySet(models.QuerySet):
    def claim(self, worker):
        """Return the most urgent due job, leased to the worker, or None."""
        if not connection.features.has_select_for_update_skip_locked:
            return self.lease_next(worker)
        with transaction.atomic():  # workers skip the rows that others are leasing
            return self.select_for_update(skip_locked=True).lease_next(worker)

    def lease_next(self, worker):
        # First attempts come before retries. Otherwise work that keeps failing would stop the rest.
        due = self.filter(due_at__lte=timezone.now()).order_by("due_at")
        first_attempts = (due.filter(attempts=0, work=work) for work in settings.OUTBOX_WORK)
        for jobs in chain(first_attempts, [due]):
            while job := jobs.first():
                if job.lease(worker):
                    return job


class Job(models.Model):
    """A piece of work that hasn't been done, or was given up. Work that was done has no row.

    `due_at` is schedule, lease and delay in one. A job that is due may be claimed. A worker that is
    killed leaves its job leased, so it is due when the lease ends. None: given up, and reported.
    """

    id = models.BigAutoField(primary_key=True)
    work = models.CharField(max_length=100)  # a name in OUTBOX_WORK
    key = models.CharField(max_length=100)  # the argument of its function
    created_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(null=True, default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    claimed_by = models.CharField(max_length=36, blank=True)  # the task that has leased it, if any
    error = models.TextField(blank=True)  # of the last attempt that failed
    given_up_at = models.DateTimeField(null=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["attempts", "work", "due_at"], name="outbox_job_first"),
            models.Index(fields=["due_at"], name="outbox_job_due"),
        ]

    def __str__(self):
        return f"{self.work} of {self.key}"

    def if_unchanged(self):
        """Return this row as a queryset, empty if anybody has claimed it since it was loaded."""
        return Job.objects.filter(pk=self.pk, attempts=self.attempts, claimed_by=self.claimed_by)

    def lease(self, worker):
        """Return whether the worker has the job to itself now: one UPDATE decides."""
        # The range grows. Otherwise a job that kills its worker would always stop the same jobs.
        lease = timedelta(seconds=settings.OUTBOX_LEASE_SECONDS)
        due_at = timezone.now() + lease * uniform(1, min(1.5 + self.attempts, 3))
        attempts = self.attempts + 1
        leased = self.if_unchanged().update(claimed_by=worker, attempts=attempts, due_at=due_at)
        self.claimed_by, self.attempts = worker, attempts
        return bool(leased)

    def done(self):
        self.if_unchanged().delete()

    def failed(self, error):
        """Return seconds until the next attempt, 1, 2, 4 and so on, or None if there is none."""
        reason = (str(error) or repr(error)).replace("\0", "")  # which PostgreSQL refuses
        if isinstance(error, GiveUp) or self.attempts >= settings.OUTBOX_MAX_ATTEMPTS:
            return self.give_up(reason)
        delay = min(2 ** (self.attempts - 1), LONGEST_DELAY)
        due_at = timezone.now() + timedelta(seconds=delay)
        self.if_unchanged().update(claimed_by="", due_at=due_at, error=reason)
        return delay

    def give_up(self, reason):
        """Tell the receivers of `given_up`. If one fails, do so again when the lease ends."""
        self.given_up_at, self.error = self.given_up_at or timezone.now(), reason
        if self.if_unchanged().update(given_up_at=self.given_up_at, error=reason):
            answers = given_up.send_robust(Job, job=self)
            if not any(isinstance(answer, Exception) for _, answer in answers):
                self.if_unchanged().update(claimed_by="", due_at=None)
