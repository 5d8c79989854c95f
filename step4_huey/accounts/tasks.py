from contextlib import contextmanager

from django.core.exceptions import ObjectDoesNotExist
from django.core.management import call_command
from django.utils import timezone
from huey import crontab
from huey.contrib.djhuey import db_periodic_task, db_task, signal
from huey.exceptions import CancelExecution
from huey.signals import SIGNAL_RETRYING
from safeguards.permanent import PermanentError

from . import services
from .models import Profile, User

RETRIED = {"retries": 8, "retry_delay": 1, "retry_backoff": 2}  # after 1, 2, 4 s and so on: 4 min

# Pass keys, not objects. The task may run much later, and must load the current row.


@db_task(priority=1, context=True, **RETRIED)  # above the default, so before pictures
def send_welcome_email(user_id, task=None):
    with end_of_retries(task, user_id, "welcome_failed_at"):
        services.send_welcome_email(User.objects.get(pk=user_id))


@db_task(context=True, **RETRIED)
def resize_profile_image(user_id, task=None):
    with end_of_retries(task, user_id, "picture_failed_at"):
        services.resize_profile_image(Profile.objects.select_related("user").get(user=user_id))


@contextmanager
def end_of_retries(task, user_id, failed_at):
    """Note on the profile that work has failed for good. Keep Huey from retrying it then."""
    try:
        yield
    except ObjectDoesNotExist as error:  # the user has been deleted
        raise CancelExecution(retry=False) from error
    except Exception as error:
        is_permanent = isinstance(error, PermanentError)
        if is_permanent or not task.retries:
            Profile.objects.filter(user=user_id).update(**{failed_at: timezone.now()})
        if is_permanent:
            raise CancelExecution(retry=False) from error
        raise


@signal(SIGNAL_RETRYING)
def let_new_work_go_first(signal_name, task):
    """Queue a retry behind all new work. Otherwise a silent mail server would stop the pictures."""
    task.priority = -1


@db_periodic_task(crontab(hour="3", minute="0"))
def remove_orphans():
    call_command("remove_orphans")
