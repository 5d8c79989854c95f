from contextlib import contextmanager

from django.core.management import call_command
from huey import crontab
from huey.contrib.djhuey import db_periodic_task

from outbox.models import GiveUp

from . import services
from .models import Profile, User

HOPELESS = (*services.PERMANENT, User.DoesNotExist, Profile.DoesNotExist)


@contextmanager
def unless_hopeless():
    """Let the outbox retry nothing that can't succeed."""
    try:
        yield
    except HOPELESS as error:
        raise GiveUp(services.reason(error)) from error


# Pass keys, not objects. The job may be done much later, and must load the current row.


def send_welcome_email(user_id):
    if Profile.objects.filter(user=user_id, welcome_sent_at__isnull=False).exists():
        return  # a job comes again if its worker dies after the mail was sent
    with unless_hopeless():
        services.send_welcome_email(User.objects.get(pk=user_id), last_try=False)


def resize_profile_image(user_id):
    with unless_hopeless():
        profile = Profile.objects.select_related("user").get(user=user_id)
        services.resize_profile_image(profile, last_try=False)


@db_periodic_task(crontab(hour="3", minute="0"))
def remove_orphans():
    call_command("remove_orphans")
