from datetime import timedelta
from random import uniform

from django.conf import settings
from django.db import models
from django.dispatch import Signal
from django.utils import timezone

LONGEST_PAUSE = 600  # seconds before a job that failed is tried again

given_up = Signal()  # sent with `job`, when it has failed for good


class JobQuerySet(models.QuerySet):
    def due(self, work, seconds=0):
        """Return the jobs that are due in so many seconds, those due the longest first."""
        moment = timezone.now() + timedelta(seconds=seconds)
        return self.filter(work=work, due_at__lte=moment).order_by("due_at")

    def claim(self, claim):
        """Return the most urgent job that is due, leased to the caller, or None."""
        for work in settings.OUTBOX_WORK:
            while job := self.due(work).first():
                if job.attempts >= settings.OUTBOX_MAX_ATTEMPTS:
                    job.give_up(f"killed its worker: given up after {job.attempts} attempts")
                elif job.lease(claim):
                    return job


class Job(models.Model):
    """A piece of work that is still to do, or was given up. What is done has no row.

    `due_at` is schedule, lease and pause in one: whatever is due may be claimed. A worker that is
    killed leaves its job leased, and so due when the lease ends. None: given up.
    """

    id = models.BigAutoField(primary_key=True)
    work = models.CharField(max_length=100)  # a name in OUTBOX_WORK
    key = models.CharField(max_length=100)  # the argument of its function
    due_at = models.DateTimeField(null=True, default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    claim = models.CharField(max_length=36, blank=True)  # who it is leased to, if anybody
    error = models.TextField(blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["work", "due_at"], name="outbox_job_due")]

    def __str__(self):
        return f"{self.work} of {self.key}"

    def as_loaded(self):
        """Return this row, unless somebody has claimed it since it was loaded."""
        return Job.objects.filter(pk=self.pk, attempts=self.attempts, claim=self.claim)

    def lease(self, claim):
        """Return whether the caller has the job to itself now: one UPDATE decides."""
        # More and more apart, or a job that kills its worker would take the same others along.
        seconds = settings.OUTBOX_LEASE_SECONDS * uniform(1, min(1.5 + self.attempts, 3))
        due_at = timezone.now() + timedelta(seconds=seconds)
        leased = self.as_loaded().update(claim=claim, attempts=self.attempts + 1, due_at=due_at)
        self.claim, self.attempts = claim, self.attempts + 1
        return bool(leased)

    def done(self):
        self.as_loaded().delete()

    def failed(self, reason):
        """Return seconds until the job is due again: 1, 2, 4 and so on; None if it is given up."""
        if self.attempts >= settings.OUTBOX_MAX_ATTEMPTS:
            self.give_up(reason)
            return None
        pause = min(2 ** (self.attempts - 1), LONGEST_PAUSE)
        due_at = timezone.now() + timedelta(seconds=pause)
        self.as_loaded().update(claim="", due_at=due_at, error=reason)
        return pause

    def give_up(self, reason):
        if self.as_loaded().update(claim="", due_at=None, error=reason):
            self.error = reason
            given_up.send_robust(Job, job=self)
