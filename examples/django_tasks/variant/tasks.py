from contextlib import contextmanager

from django.tasks import task
from django.utils import timezone

from accounts import services
from accounts.models import Profile, User

# Arguments must be JSON, so the key of a user, a UUID, comes as text.


@task(priority=1)  # above the default, so before pictures
def send_welcome_email(user_id):
    with without_retries(user_id, "welcome_failed_at"):
        services.send_welcome_email(User.objects.get(pk=user_id))


@task
def resize_profile_image(user_id):
    with without_retries(user_id, "picture_failed_at"):
        services.resize_profile_image(Profile.objects.select_related("user").get(user=user_id))


@contextmanager
def without_retries(user_id, failed_at):
    """Note on the profile that work has failed for good: `django.tasks` has no retries."""
    try:
        yield
    except Exception:
        Profile.objects.filter(user=user_id).update(**{failed_at: timezone.now()})
        raise
