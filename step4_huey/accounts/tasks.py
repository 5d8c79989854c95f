import logging
from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from huey import crontab
from huey.contrib.djhuey import HUEY, db_periodic_task, db_task, signal
from huey.signals import SIGNAL_INTERRUPTED

from . import leases, services
from .models import Profile, User

logger = logging.getLogger(__name__)

# Arguments are keys, not objects: a task may run long after it was queued, and loads the row as
# it is then. Pauses before the retries: 1, 2, 4 seconds and so on, four minutes in all.
RETRIED = {"retries": 8, "retry_delay": 1, "retry_backoff": 2}
RETRIES_WITHOUT_JOKE = 5  # the last ones: until then, a mail waits for its joke


class NotSent(Exception):
    """Makes Huey log the failure and try again."""


@db_task(context=True, **RETRIED)
def send_welcome_email(user_id, task):
    if not leases.take("welcome", user_id):
        return  # done, or another worker is at it
    try:
        user = User.objects.get(pk=user_id)
        sent = services.send_welcome_email(
            user, retries=task.retries, joke_required=task.retries > RETRIES_WITHOUT_JOKE
        )
    finally:
        leases.give_back("welcome", user_id)
    if not sent:
        raise NotSent(f"The welcome mail for {user} has not been sent.")


@db_task(**RETRIED)
def resize_profile_image(user_id):
    if not leases.take("picture", user_id):
        return
    try:
        services.resize_profile_image(Profile.objects.select_related("user").get(user=user_id))
    finally:
        leases.give_back("picture", user_id)


TASKS = {"welcome": send_welcome_email, "picture": resize_profile_image}


@db_periodic_task(crontab(minute="*"))
def repair():
    """Queue again what is to do and nobody is at, if its task is lost or never was queued.

    Huey has no acknowledgements: taking a task deletes it, so a killed worker's task is gone.
    """
    a_moment_ago = timezone.now() - timedelta(seconds=10)  # a sign-up may be about to queue
    for work, task in TASKS.items():
        leases.give_up(work)
        # Before and after, because meanwhile a worker may take a task, or queue its retry.
        before = queued()
        profiles = list(leases.to_do(work).filter(user__date_joined__lt=a_moment_ago))
        known = before | queued()
        for profile in profiles:
            if (task.task_class, (profile.pk,)) not in known:
                logger.warning("Queued again: the %s of user %s", work, profile.pk)
                task(profile.pk)


def queued():
    """Return class and arguments of all tasks that wait, be it for their time or for a worker."""
    return {(type(task), task.args) for task in HUEY.scheduled() + HUEY.pending()}


def start_again(work, profile):
    """Queue what failed for good as if it had never been tried; return whether it had failed."""
    if failed := leases.reset(work, profile.pk):
        transaction.on_commit(lambda: TASKS[work](profile.pk), robust=True)
    return failed


@signal(SIGNAL_INTERRUPTED)
def queue_again(signal_name, task):
    """Hand back what a worker was at when SIGTERM stopped it, which Huey would drop."""
    for work, wrapper in TASKS.items():
        if isinstance(task, wrapper.task_class):
            leases.give_back(work, *task.args)
            HUEY.enqueue(task)
