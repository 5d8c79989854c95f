"""Health checks for a load balancer and for the person on call."""

import time
from threading import Thread

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection
from django.db.models import Count, Min, Q
from django.http import JsonResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from huey.contrib.djhuey import HUEY

from outbox.models import Job

from .tasks import BEAT

DEADLINE = 4  # seconds for an answer; a load balancer waits for a little longer
LATEST_BEAT = 150  # seconds: two beats were missed
LONGEST_FAILURE = 30  # seconds for which a job may fail, as a mail to a server that restarts


def outbox():
    """Return how many jobs keep failing or were given up, and ages in seconds, None without a job.

    By creation, because `due_at` moves with each attempt.
    """
    not_done = Q(given_up_at=None)
    failing = not_done & ~Q(error="")
    found = Job.objects.aggregate(
        failing=Count("pk", filter=failing),
        given_up=Count("pk", filter=~not_done),
        oldest=Min("created_at", filter=not_done),
        oldest_failing=Min("created_at", filter=failing),
    )
    for name in ["oldest", "oldest_failing"]:
        found[name] = found[name] and (timezone.now() - found[name]).total_seconds()
    return found


def last_beat():
    """Return how many seconds ago a consumer was alive, or None."""
    beat = HUEY.get(BEAT, peek=True)
    return beat and time.time() - beat


def database():
    Job.objects.exists()  # whether it answers, not what


def storage():
    default_storage.exists("health")  # whether it answers, not what


def look(*checks):
    """Return what each check returned, by its name, and the errors of those that failed.

    Each has a thread of its own, because a database that was stopped never answers. A thread that
    takes too long is left behind, and ends when the database goes on.
    """
    results = {}

    def run(check):
        try:
            results[check] = check(), ""
        except Exception as error:  # of any database, broker or storage
            results[check] = None, repr(error)
        finally:
            connection.close()  # each thread has its own

    threads = [Thread(target=run, args=[check], daemon=True) for check in checks]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + DEADLINE
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))

    found, errors = {}, {}
    for check in checks:
        result, error = results.get(check, (None, f"no answer after {DEADLINE} s"))
        if error:
            errors[check.__name__] = error
        else:
            found[check.__name__] = result
    return found, errors


@never_cache
@require_safe
def visitors(request):
    """503 if this web server can't reach the database, because another one may.

    Parts that all of them share, and that pages don't need, are no reason to send visitors away.
    """
    return answer(request, *look(database))


@never_cache
@require_safe
def work(request):
    """503 if work is not done: without storage, broker or consumer, or if jobs keep failing."""
    found, errors = look(outbox, last_beat, storage)
    jobs = found.get("outbox", {})
    if (jobs.get("oldest") or 0) > settings.HEALTH_LATE_SECONDS:
        errors["late"] = f"a job has not been done for {jobs['oldest']:.0f} s"
    if (jobs.get("oldest_failing") or 0) > LONGEST_FAILURE:
        errors["failing"] = f"{jobs['failing']} jobs have failed and will be tried again"
    beat = found.get("last_beat", 0)  # a broker that does not answer is an error of its own
    if beat is None or beat > LATEST_BEAT:
        errors["consumer"] = "no consumer with periodic tasks is alive"
    return answer(request, found, errors)


def answer(request, found, errors):
    """Return whether everything is healthy, with details for a request that has the token."""
    details = {"ok": not errors}
    if sends_token(request):
        details |= {"found": found, "errors": errors}
    return JsonResponse(details, status=503 if errors else 200)


def sends_token(request):
    """Return whether the request has the token; without one in the settings, none has."""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return bool(settings.HEALTH_TOKEN) and constant_time_compare(token, settings.HEALTH_TOKEN)
