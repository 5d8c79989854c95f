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


def send_welcome_email(user):
    """Send the user a mail with a joke, or with FALLBACK if there is none.

    Raises what keeps the mail from being sent, and leaves its text in `profile.welcome_error`.
    """
    unsent = Profile.objects.filter(user=user, welcome_sent_at=None)
    try:
        message = welcome_email(user, joke_for(user))
        with timed("send mail", user):
            within(settings.CONVERSATION_SECONDS, mail_places, message.send)
    except Exception as error:
        unsent.update(welcome_error=reason(error))
        raise
    unsent.update(welcome_sent_at=timezone.now(), welcome_error="")


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


def resize_profile_image(profile):
    """Scale the profile's picture down to a thumbnail. The original stays as it is.

    Raises what the storage or the database raises. The reason of any failure is left in
    `profile.picture_error`; that of a picture that can't be decoded is not raised, because trying
    again would not help.
    """
    if not profile.picture:
        return
    try:
        with timed("resize picture", profile.user):
            time.sleep(settings.SIMULATED_RESIZE_SECONDS)
            replace_thumbnail(profile)
    except Exception as error:
        as_loaded(profile).filter(thumbnail="").update(picture_error=reason(error))
        if not isinstance(error, BrokenPicture):
            raise


def replace_thumbnail(profile):
    field, old = Profile.thumbnail.field, profile.thumbnail.name
    new = store(field, new_name("jpg"), make_thumbnail(profile.picture))
    unused = new
    try:
        done = {"thumbnail": new, "picture_resized_at": timezone.now(), "picture_error": ""}
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


def reason(error):
    """Return the error's text, or its name for one that has none."""
    return (str(error) or repr(error)).replace("\0", "")  # which PostgreSQL refuses
