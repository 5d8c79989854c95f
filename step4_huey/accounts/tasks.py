from django.core.management import call_command
from huey import crontab
from huey.contrib.djhuey import db_periodic_task, db_task

from . import services
from .models import Profile, User

RETRIED = {"retries": 8, "retry_delay": 1, "retry_backoff": 2}  # after 1, 2, 4 s and so on: 4 min

# Arguments are keys, not objects: the work may be done much later, and loads the row as it is then.


@db_task(priority=1, **RETRIED)  # before pictures, which have the default priority
def send_welcome_email(user_id):
    services.send_welcome_email(User.objects.get(pk=user_id))


@db_task(**RETRIED)
def resize_profile_image(user_id):
    services.resize_profile_image(Profile.objects.select_related("user").get(user=user_id))


@db_periodic_task(crontab(hour="3", minute="0"))
def remove_orphans():
    call_command("remove_orphans")
