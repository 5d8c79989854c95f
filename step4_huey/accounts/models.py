import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower


class User(AbstractUser):
    # Known before the row is saved, so that the timing log can name the sign-up from its start.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField("e-mail address")

    class Meta(AbstractUser.Meta):
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_unique")]


class Profile(models.Model):
    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True)
    bio = models.TextField(default="New here, and glad to be.")
    location = models.CharField(max_length=100, blank=True)
    picture = models.ImageField(upload_to="pictures", blank=True)
    thumbnail = models.ImageField(upload_to="thumbnails", blank=True)

    # What is still to do: neither a time nor an error means that it is under way or waiting.
    picture_resized_at = models.DateTimeField(null=True, blank=True)
    picture_error = models.TextField(blank=True)
    welcome_sent_at = models.DateTimeField(null=True, blank=True)
    welcome_error = models.TextField(blank=True)
    welcome_retries = models.PositiveSmallIntegerField(default=0)  # that are still to come

    # A worker has the work to itself until then. After that, it is taken for dead.
    picture_leased_until = models.DateTimeField(null=True, blank=True)
    welcome_leased_until = models.DateTimeField(null=True, blank=True)
    picture_attempts = models.PositiveSmallIntegerField(default=0)
    welcome_attempts = models.PositiveSmallIntegerField(default=0)

    def __str__(self):
        return f"Profile of {self.user}"

    @property
    def picture_state(self):
        """One of "none", "waiting", "done" and "failed"."""
        if not self.picture:
            return "none"
        return state(self.picture_resized_at, self.picture_error)

    @property
    def welcome_state(self):
        """One of "waiting", "done", "retrying" and "failed"."""
        result = state(self.welcome_sent_at, self.welcome_error)
        return "retrying" if result == "failed" and self.welcome_retries else result

    @property
    def is_settled(self):
        """Whether nothing is left to wait for."""
        return not {"waiting", "retrying"}.intersection([self.picture_state, self.welcome_state])


def state(done_at, error):
    """Return the state of a piece of work of which both, one or neither is recorded."""
    if done_at:
        return "done"
    return "failed" if error else "waiting"
