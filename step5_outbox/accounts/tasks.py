from contextlib import contextmanager

from django.core.exceptions import ObjectDoesNotExist
from django.core.management import call_command
from huey import crontab
from huey.contrib.djhuey import db_periodic_task
from safeguards.mail import RecipientRefused
from safeguards.pictures import BrokenPicture

from outbox.models import GiveUp

from . import services
from .models import Profile, User

# Trying again can't help.
HOPELESS = (BrokenPicture, RecipientRefused, services.NoAddress, ObjectDoesNotExist)

# Pass keys, not objects. The job may be done much later, and must load the current row.


def send_welcome_email(user_id):
    if Profile.objects.filter(user=user_id, welcome_sent_at__isnull=False).exists():
        return  # a job comes again if its worker dies after the mail was sent
    with unless_hopeless():
        services.send_welcome_email(User.objects.get(pk=user_id))


def resize_profile_image(user_id):
    with unless_hopeless():
        profile = Profile.objects.select_related("user").get(user=user_id)
        services.resize_profile_image(profile)


@contextmanager
def unless_hopeless():
    """Let the outbox retry nothing that can't succeed."""
    try:
        yield
    except HOPELESS as error:
        raise GiveUp(services.reason(error)) from error


@db_periodic_task(crontab(hour="3", minute="0"))
def remove_orphans():
    call_command("remove_orphans")
