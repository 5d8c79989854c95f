import logging
import time
from contextlib import suppress
from io import BytesIO
from uuid import uuid4

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone
from PIL import Image, ImageOps

from .jokes import FALLBACK, NoJoke, get_joke
from .models import Profile
from .timing import timed

logger = logging.getLogger(__name__)

PICTURE_FORMATS = ["JPEG", "PNG", "WEBP"]
THUMBNAIL_SIZE = (300, 300)  # pixels


def create_profile(user):
    """Return a new, empty profile for the user. Belongs in the transaction that saves the user."""
    with timed("create profile", user):
        return Profile.objects.create(user=user)


def send_welcome_email(user, retries=0, joke_required=False):
    """Send the user a mail with a joke, and return whether the mail server took it.

    Without a joke, FALLBACK goes out in its place, unless `joke_required`. A mail that did not go
    out leaves its reason in `profile.welcome_error`, and beside it how often the caller will try
    again.
    """
    profile = Profile.objects.filter(user=user)
    try:
        message = welcome_email(user, joke_for(user, joke_required))
        with timed("send mail", user):
            message.send()
    except Exception as error:
        logger.exception("The welcome mail for %s was not sent", user)
        not_sent = profile.filter(welcome_sent_at=None)  # nor by another worker meanwhile
        not_sent.update(welcome_error=reason(error), welcome_retries=retries)
        return False
    profile.update(welcome_sent_at=timezone.now(), welcome_error="")
    return True


def joke_for(user, required):
    try:
        with timed("fetch joke", user):
            return get_joke()
    except NoJoke:  # timed() has logged it
        if required:
            raise
        return FALLBACK


def welcome_email(user, joke):
    context = {"user": user, "joke": joke}
    message = EmailMultiAlternatives(
        subject=f"Welcome, {user.username}!",
        body=render_to_string("accounts/email/welcome.txt", context),
        to=[user.email],  # the address alone: a name beside it could smuggle in a second one
        # The same each time, so that a mail that went out twice can be told by it.
        headers={"Message-ID": f"<welcome-{user.pk}@example.com>"},
    )
    message.attach_alternative(
        render_to_string("accounts/email/welcome.html", context), "text/html"
    )
    return message


def resize_profile_image(profile):
    """Scale the profile's picture down to a thumbnail, and return whether that worked.

    The original stays as it is. A picture that can't be read leaves the reason in
    `profile.picture_error`.
    """
    if not profile.picture:
        return False
    # By the picture's name, too: it may be replaced meanwhile. update() sends no post_save.
    this_picture = Profile.objects.filter(pk=profile.pk, picture=profile.picture.name)
    name = f"{uuid4().hex}.jpg"
    try:
        with timed("resize picture", profile.user):
            time.sleep(settings.SIMULATED_RESIZE_SECONDS)
            replaced = profile.thumbnail.name
            thumbnail = make_thumbnail(profile.picture)
            profile.thumbnail.save(name, thumbnail, save=False)
    except Exception as error:  # what a broken picture makes Pillow raise is not documented
        logger.exception("The picture of %s could not be resized", profile.user)
        with suppress(OSError):
            profile.thumbnail.storage.delete(f"thumbnails/{name}")  # what a full disk took of it
        this_picture.update(picture_error=reason(error))
        return False
    saved = False
    try:
        saved = this_picture.update(
            thumbnail=profile.thumbnail.name, picture_resized_at=timezone.now(), picture_error=""
        )
    finally:
        if unused := replaced if saved else profile.thumbnail.name:
            profile.thumbnail.storage.delete(unused)
    return bool(saved)


def reason(error):
    """Return the error's text, or its name for one that has none."""
    return str(error) or repr(error)


def make_thumbnail(picture):
    """Return the picture as a JPEG file that fits THUMBNAIL_SIZE, upright and without metadata."""
    with picture.open() as file, Image.open(file, formats=PICTURE_FORMATS) as image:
        if image.mode in ("1", "P"):  # modes that Pillow scales without interpolation
            image = image.convert("RGBA")
        # Before anything else that decodes: a JPEG is then decoded at a fraction of its size.
        image.thumbnail(THUMBNAIL_SIZE)
        image = ImageOps.exif_transpose(image)
    if image.mode == "I;16":
        image = image.point(lambda level: level / 256).convert("L")
    image = image.convert("RGBA")
    # A new image, because the old one's comments and EXIF data would be saved with it. Its colour
    # profile goes, too: what a phone saves in wide colours comes out a little duller.
    thumbnail = Image.new("RGB", image.size, "white")
    thumbnail.paste(image, mask=image)
    content = BytesIO()
    thumbnail.save(content, "JPEG", quality=85)
    return ContentFile(content.getvalue())
