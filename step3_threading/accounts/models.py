import uuid

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower


class User(AbstractUser):
    # Known before the row is saved, so that the timing log can name the sign-up from its start.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField("e-mail address")

    class Meta(AbstractUser.Meta):
        # SQLite's LOWER() lower-cases ASCII letters only; other databases lower-case all letters.
        constraints = [
            models.UniqueConstraint(
                Lower("username"),  # unlike __iexact, it uses the constraint's index
                name="user_username_unique",
                violation_error_code="username",
                violation_error_message="A user with that username already exists.",
            ),
            models.UniqueConstraint(
                Lower("email"),
                condition=~Q(email=""),  # several users may have no address
                name="user_email_unique",
                violation_error_code="email",
                violation_error_message="A user with that e-mail address already exists.",
            ),
        ]

    def validate_constraints(self, exclude=None):
        """Put the errors of the constraints at their fields, which Lower() hides from Django."""
        try:
            super().validate_constraints(exclude)
        except ValidationError as error:
            errors = error.error_dict
            for each in errors.pop(NON_FIELD_ERRORS, []):
                field = each.code if each.code in ("username", "email") else NON_FIELD_ERRORS
                errors.setdefault(field, []).append(each)
            raise ValidationError(errors) from None


class Profile(models.Model):
    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True)
    bio = models.TextField(default="New here, and glad to be.")
    location = models.CharField(max_length=100, blank=True)
    picture = models.ImageField(upload_to="pictures", blank=True)
    thumbnail = models.ImageField(upload_to="thumbnails", blank=True)

    # If both the time and the error are empty, the work hasn't been done yet.
    picture_resized_at = models.DateTimeField(null=True, blank=True)
    picture_error = models.TextField(blank=True)
    welcome_sent_at = models.DateTimeField(null=True, blank=True)
    welcome_error = models.TextField(blank=True)

    def __str__(self):
        return f"Profile of {self.user}"

    @property
    def picture_state(self):
        """One of "none", "waiting", "failed" and "done"."""
        if not self.picture:
            return "none"
        return state(self.picture_resized_at, self.picture_error)

    @property
    def welcome_state(self):
        """One of "waiting", "failed" and "done"."""
        return state(self.welcome_sent_at, self.welcome_error)

    @property
    def is_settled(self):
        """Whether nothing more will be done for the mail and the picture."""
        return {self.welcome_state, self.picture_state} <= {"none", "failed", "done"}


def state(done_at, error):
    if done_at:
        return "done"
    return "failed" if error else "waiting"
