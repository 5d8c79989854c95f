from types import SimpleNamespace
from uuid import uuid4

from django.utils import timezone


def new_user(username="ada"):
    """Return what the timing log needs of a user."""
    return SimpleNamespace(pk=uuid4(), username=username, date_joined=timezone.now())
