import time

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from timing.log import timed

from .jokes import FALLBACK, NoJoke, get_joke
from .limits import mail_places, within
from .models import Profile
from .pictures import BrokenPicture, discard, make_thumbnail, new_name, store

PERMANENT = (BrokenPicture,)  # trying again can't help


def save_new_user(user, picture):
    """Save user, profile and picture, together or not at all.

    Raises IntegrityError when somebody has taken the name or the address, and what the database or
    the storage raises.
    """
    field = Profile.picture.field
    # Before the transaction, which should wait for no storage.
    name = store(field, picture.name, picture) if picture else ""
    try:
        with transaction.atomic():
            with timed("save user", user):
                user.save()
            if name:
                user.profile.picture = name
                user.profile.save(update_fields=["picture"])
    except Exception:
        # After the commit, too, something can fail that on_commit() calls.
        if name and not Profile.objects.filter(picture=name).exists():
            discard(field, name)
        raise


def create_profile(user):
    """Return a new, empty profile for the user. Belongs in the transaction that saves the user."""
    with timed("create profile", user):
        return Profile.objects.create(user=user)


def send_welcome_email(user, last_try=True):
    """Send the user a mail with a joke, or with FALLBACK if there is none.

    Raises what keeps the mail from being sent, and leaves its text in `profile.welcome_error`.
    `last_try`: after an error nobody will try again.
    """
    unsent = Profile.objects.filter(user=user, welcome_sent_at=None)
    try:
        message = welcome_email(user, joke_for(user))
        with timed("send mail", user):
            within(settings.CONVERSATION_SECONDS, mail_places, message.send)
    except Exception as error:
        failed_at = time_of_failure(error, last_try)
        unsent.update(welcome_error=reason(error), welcome_failed_at=failed_at)
        raise
    unsent.update(welcome_sent_at=timezone.now(), welcome_error="", welcome_failed_at=None)


def joke_for(user):
    try:
        with timed("fetch joke", user):
            return get_joke()
    except NoJoke:  # timed() has logged it
        return FALLBACK


def welcome_email(user, joke):
    context = {"user": user, "joke": joke}
    message = EmailMultiAlternatives(
        subject=f"Welcome, {user.username}!",
        body=render_to_string("accounts/email/welcome.txt", context),
        to=[user.email],  # the address alone: a name beside it could smuggle in a second one
        headers={"Message-ID": f"<welcome-{user.pk}@example.com>"},  # duplicates can be recognised
    )
    message.attach_alternative(
        render_to_string("accounts/email/welcome.html", context), "text/html"
    )
    return message


def resize_profile_image(profile, last_try=True):
    """Scale the profile's picture down to a thumbnail. The original stays as it is.

    Raises BrokenPicture for one that can't be decoded, and what the storage or the database raises.
    The reason of any failure is left in `profile.picture_error`. `last_try`: after an error nobody
    will try again.
    """
    if not profile.picture:
        return
    try:
        with timed("resize picture", profile.user):
            time.sleep(settings.SIMULATED_RESIZE_SECONDS)
            replace_thumbnail(profile)
    except Exception as error:
        failed_at = time_of_failure(error, last_try)
        failed = {"picture_error": reason(error), "picture_failed_at": failed_at}
        as_loaded(profile).filter(thumbnail="").update(**failed)
        raise


def replace_thumbnail(profile):
    field, old = Profile.thumbnail.field, profile.thumbnail.name
    new = store(field, new_name("jpg"), make_thumbnail(profile.picture))
    unused = new
    try:
        done = {"thumbnail": new, "picture_resized_at": timezone.now()}
        done |= {"picture_error": "", "picture_failed_at": None}
        if as_loaded(profile).update(**done):  # update() sends no post_save
            unused = old
    finally:
        if unused:
            discard(field, unused)


def as_loaded(profile):
    """Return the profile's row, unless somebody has replaced its picture or thumbnail meanwhile."""
    return Profile.objects.filter(
        pk=profile.pk, picture=profile.picture.name, thumbnail=profile.thumbnail.name
    )


def time_of_failure(error, last_try):
    """Return the time for an error after which nobody will try again, None for the others."""
    return timezone.now() if last_try or isinstance(error, PERMANENT) else None


def reason(error):
    """Return the error's text, or its name for one that has none."""
    return (str(error) or repr(error)).replace("\0", "")  # which PostgreSQL refuses
