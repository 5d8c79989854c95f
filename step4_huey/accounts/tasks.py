from huey.contrib.djhuey import db_task

from . import services
from .models import Profile, User

# Arguments are keys, not objects: a task may run long after it was queued, and loads the row as
# it is then. Pauses before the retries: 1, 2, 4, 8 and 16 seconds.
retried = {"retries": 5, "retry_delay": 1, "retry_backoff": 2}


class NotSent(Exception):
    """Makes Huey log the failure and try again."""


@db_task(context=True, **retried)
def send_welcome_email(user_id, task):
    user = User.objects.get(pk=user_id)
    if not services.send_welcome_email(user, retries=task.retries):
        raise NotSent(f"The welcome mail for {user} has not been sent.")


@db_task(**retried)
def resize_profile_image(user_id):
    services.resize_profile_image(Profile.objects.select_related("user").get(user=user_id))
