"""Metrics for Prometheus: this web server's requests, and the outbox that all of them share."""

from django.conf import settings
from django.db import Error
from django.db.models import Count, Min, Q
from django.http import HttpResponseForbidden
from django.utils import timezone
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView
from prometheus_client import Gauge

from outbox.models import Job

from .health import sends_token

JOBS = Gauge("outbox_jobs", "Jobs that are not done, by state", ["work", "state"])
OLDEST = Gauge("outbox_oldest_job_seconds", "Age of the oldest job not given up", ["work"])


@require_safe
def metrics(request):
    """Return the metrics in the format of Prometheus, if the request has the token."""
    if not sends_token(request):
        return HttpResponseForbidden()
    try:
        count_jobs()
    except Error:  # without the database, the requests are still of interest
        JOBS.clear()
        OLDEST.clear()
    return ExportToDjangoView(request)


def count_jobs():
    now = timezone.now()
    not_done, failed = Q(given_up_at=None), ~Q(error="")
    for work in settings.OUTBOX_WORK:
        found = Job.objects.filter(work=work).aggregate(
            due=Count("pk", filter=not_done & ~failed & Q(due_at__lte=now)),
            leased=Count("pk", filter=not_done & ~failed & Q(due_at__gt=now)),
            failing=Count("pk", filter=not_done & failed),  # leased or not
            given_up=Count("pk", filter=~not_done),
            oldest=Min("created_at", filter=not_done, default=now),
        )
        OLDEST.labels(work).set(max(0, (now - found.pop("oldest")).total_seconds()))
        for state, jobs in found.items():
            JOBS.labels(work, state).set(jobs)
