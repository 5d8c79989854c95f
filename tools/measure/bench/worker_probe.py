"""Sign-ups of steps 4 and 5 without a page, for worker.py: rows, picture and what is queued."""

from pathlib import Path
from uuid import uuid4

from django.core.files.base import ContentFile

from accounts.models import User
from accounts.services import save_new_user


def sign_up(count, picture=None):
    """Save so many users, each with the picture of this path, as the form does."""
    content = Path(picture).read_bytes() if picture else None
    for _ in range(count):
        name = f"ada-{uuid4().hex}"
        user = User(username=name, email=f"{name}@example.com", password="!")
        save_new_user(user, ContentFile(content, f"{name}.jpg") if content else None)
    return count


QUESTIONS = {"sign up": sign_up}
