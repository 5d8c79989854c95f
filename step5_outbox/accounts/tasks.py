from django.core.management import call_command
from huey import crontab
from huey.contrib.djhuey import db_periodic_task

from . import services
from .models import Profile, User

# Arguments are keys, not objects: the work may be done much later, and loads the row as it is then.


def send_welcome_email(user_id):
    if Profile.objects.filter(user=user_id, welcome_sent_at__isnull=False).exists():
        return  # a job comes again if its worker dies between the work and done()
    services.send_welcome_email(User.objects.get(pk=user_id))


def resize_profile_image(user_id):
    services.resize_profile_image(Profile.objects.select_related("user").get(user=user_id))


@db_periodic_task(crontab(hour="3", minute="0"))
def remove_orphans():
    call_command("remove_orphans")
