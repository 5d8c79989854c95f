from contextlib import contextmanager

from django.core.management import call_command
from huey import crontab
from huey.contrib.djhuey import db_periodic_task, db_task, signal
from huey.exceptions import CancelExecution
from huey.signals import SIGNAL_RETRYING

from . import services
from .models import Profile, User

RETRIED = {"retries": 8, "retry_delay": 1, "retry_backoff": 2}  # after 1, 2, 4 s and so on: 4 min
HOPELESS = (*services.PERMANENT, User.DoesNotExist, Profile.DoesNotExist)


@contextmanager
def unless_hopeless():
    """Let Huey retry nothing that can't succeed."""
    try:
        yield
    except HOPELESS as error:
        raise CancelExecution(retry=False) from error


# Pass keys, not objects. The task may run much later, and must load the current row.


@db_task(priority=1, context=True, **RETRIED)  # before pictures, which have the default priority
def send_welcome_email(user_id, task=None):
    with unless_hopeless():
        services.send_welcome_email(User.objects.get(pk=user_id), last_try=not task.retries)


@db_task(context=True, **RETRIED)
def resize_profile_image(user_id, task=None):
    with unless_hopeless():
        profile = Profile.objects.select_related("user").get(user=user_id)
        services.resize_profile_image(profile, last_try=not task.retries)


@signal(SIGNAL_RETRYING)
def let_new_work_go_first(signal_name, task):
    """Queue a retry behind all new work. Otherwise a silent mail server would stop the pictures."""
    task.priority = -1


@db_periodic_task(crontab(hour="3", minute="0"))
def remove_orphans():
    call_command("remove_orphans")
