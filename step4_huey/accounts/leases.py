"""What is still to do, and who is at it: the database's word, where the queue's can be lost.

`work` is "picture" or "welcome", the prefix of the columns.
"""

from datetime import timedelta

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from .models import Profile

MAX_ATTEMPTS = 20  # then it is the work that kills the workers

TO_DO = {
    "picture": ~Q(picture="") & Q(picture_resized_at=None, picture_error=""),
    "welcome": Q(welcome_sent_at=None) & (Q(welcome_error="") | Q(welcome_retries__gt=0)),
}
FAILED = {
    "picture": ~Q(picture_error=""),
    "welcome": ~Q(welcome_error="") & Q(welcome_retries=0, welcome_sent_at=None),
}


def to_do(work):
    """Return the profiles of which this work is still to do and no worker is at it."""
    return free(work).filter(**{f"{work}_attempts__lt": MAX_ATTEMPTS})


def free(work):
    leased_until = f"{work}_leased_until"
    no_lease = Q(**{leased_until: None}) | Q(**{f"{leased_until}__lt": timezone.now()})
    return Profile.objects.filter(TO_DO[work], no_lease)


def take(work, user_id):
    """Return whether the caller has this work to itself now: one UPDATE decides."""
    leased_until = timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)
    taken = to_do(work).filter(user=user_id)
    return bool(
        taken.update(
            **{f"{work}_leased_until": leased_until, f"{work}_attempts": F(f"{work}_attempts") + 1}
        )
    )


def give_back(work, user_id):
    """Let the next worker have this work."""
    Profile.objects.filter(user=user_id).update(**{f"{work}_leased_until": None})


def give_up(work):
    """Record as failed for good what was begun too often."""
    hopeless = free(work).filter(**{f"{work}_attempts__gte": MAX_ATTEMPTS})
    failed = {f"{work}_error": f"given up after {MAX_ATTEMPTS} attempts"}
    if work == "welcome":
        failed["welcome_retries"] = 0
    hopeless.update(**failed)


def reset(work, user_id):
    """Let failed work begin as if it had never been tried, and return whether it had failed."""
    failed = Profile.objects.filter(FAILED[work], user=user_id)
    return bool(failed.update(**{f"{work}_error": "", f"{work}_attempts": 0}))
