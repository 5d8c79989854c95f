from django.tasks import task

from accounts import services
from accounts.models import Profile, User

# Arguments must be JSON: the key of a user is a UUID, and comes as its text.


@task(priority=1)  # before pictures, which have the default priority
def send_welcome_email(user_id):
    services.send_welcome_email(User.objects.get(pk=user_id))


@task
def resize_profile_image(user_id):
    services.resize_profile_image(Profile.objects.select_related("user").get(user=user_id))
