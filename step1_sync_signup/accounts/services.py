import time
from io import BytesIO

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone
from PIL import Image, ImageOps
from safeguards.permanent import PermanentError
from safeguards.pictures import open_picture
from timing import timed

from .jokes import FALLBACK, NoJoke, get_joke
from .models import Profile


class NoAddress(PermanentError):
    """The user has no e-mail address."""


def save_new_user(user, picture):
    """Save user, profile and picture, together or not at all.

    Raises IntegrityError when somebody has taken the name or the address.
    """
    # The file comes first: the transaction should not wait for the storage.
    name = default_storage.save(f"pictures/{picture.name}", picture) if picture else ""
    with transaction.atomic():
        with timed("save user", user):
            user.save()
        with timed("create profile", user):
            Profile.objects.create(user=user, picture=name)


def send_welcome_email(user):
    """Send the user a mail with a joke, or with FALLBACK if there is none.

    Raises the error that keeps the mail from being sent, and leaves its text on the profile.
    """
    unsent = Profile.objects.filter(user=user, welcome_sent_at=None)
    try:
        message = welcome_email(user, joke_for(user))
        with timed("send mail", user):
            if not message.send():
                raise NoAddress("no e-mail address")
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
        to=[user.email],  # without a name, which could smuggle in a second address
        headers={"Message-ID": f"<welcome-{user.pk}@example.com>"},  # duplicates can be recognised
    )
    message.attach_alternative(
        render_to_string("accounts/email/welcome.html", context), "text/html"
    )
    return message


def resize_profile_image(profile):
    """Scale the profile's picture down to a thumbnail. The original stays as it is.

    Raises the error that keeps it from being scaled, and leaves its text on the profile.
    """
    if not profile.picture:
        return
    # Nobody's row if another worker was faster, or if somebody has replaced the picture meanwhile.
    row = Profile.objects.filter(
        pk=profile.pk, picture=profile.picture.name, thumbnail=profile.thumbnail.name
    )
    try:
        with timed("resize picture", profile.user):
            time.sleep(settings.SIMULATED_RESIZE_SECONDS)
            thumbnail = make_thumbnail(profile.picture)
            name = default_storage.save(f"thumbnails/{profile.pk.hex}.jpg", thumbnail)
    except Exception as error:
        row.filter(thumbnail="").update(picture_error=reason(error))
        raise
    # update() sends no post_save.
    row.update(thumbnail=name, picture_resized_at=timezone.now(), picture_error="")


def make_thumbnail(picture):
    """Return the picture as a JPEG that fits 300 x 300 pixels; raise BrokenPicture."""
    result = BytesIO()
    with picture.open() as file, open_picture(file) as image:
        # This comes first, so that a JPEG is decoded at a fraction of its size.
        image.thumbnail((300, 300))
        image = ImageOps.exif_transpose(image).convert("RGBA")  # upright
        # A new image, because the old one's comments and EXIF data would be saved with it.
        thumbnail = Image.new("RGB", image.size, "white")
        thumbnail.paste(image, mask=image)
        thumbnail.save(result, "JPEG", quality=85)
    return ContentFile(result.getvalue())


def reason(error):
    """Return the error's text, or its name for one that has none."""
    return (str(error) or repr(error)).replace("\0", "")  # which PostgreSQL refuses
