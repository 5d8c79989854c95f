from contextlib import contextmanager

from django.core.exceptions import ObjectDoesNotExist
from django.core.management import call_command
from huey import crontab
from huey.contrib.djhuey import db_periodic_task
from safeguards.permanent import PermanentError

from outbox.models import GiveUp

from . import services
from .models import Profile, User

# Pass keys, not objects. The task may run much later, and must load the current row.


def send_welcome_email(user_id):
    if Profile.objects.filter(user=user_id, welcome_sent_at__isnull=False).exists():
        return  # a job comes again if its worker dies after the mail was sent
    with unless_permanent():
        services.send_welcome_email(User.objects.get(pk=user_id))


def resize_profile_image(user_id):
    with unless_permanent():
        services.resize_profile_image(Profile.objects.select_related("user").get(user=user_id))


@contextmanager
def unless_permanent():
    """Keep the outbox from retrying a permanent error."""
    try:
        yield
    except (PermanentError, ObjectDoesNotExist) as error:  # or the user has been deleted
        raise GiveUp(services.reason(error)) from error


@db_periodic_task(crontab(hour="3", minute="0"))
def remove_orphans():
    call_command("remove_orphans")
