from contextlib import suppress
from uuid import uuid4

from django import forms
from django.contrib.auth.forms import BaseUserCreationForm
from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Lower
from django.template.defaultfilters import filesizeformat
from PIL import Image

from .models import User
from .services import PICTURE_FORMATS, create_profile
from .timing import timed

MAX_PICTURE_BYTES = 20 * 1024 * 1024
# Pixels by format. Most JPEGs are scaled down while they are decoded, and a progressive one takes
# three bytes a pixel; the others need their full size in memory first, at up to 16 bytes a pixel.
# MPO is what some phones call a JPEG with a second picture in it.
MAX_PICTURE_PIXELS = {
    "JPEG": 50_000_000,
    "MPO": 50_000_000,
    "PNG": 25_000_000,
    "WEBP": 25_000_000,
}


class SignUpForm(BaseUserCreationForm):
    # Not an ImageField, which opens any of the 40 formats that Pillow knows, at any size.
    picture = forms.FileField(
        label="Profile picture",
        required=False,
        help_text=f"Optional. JPEG, PNG or WebP, at most {filesizeformat(MAX_PICTURE_BYTES)}.",
        widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp"}),
    )

    class Meta(BaseUserCreationForm.Meta):
        model = User
        fields = ["username", "email"]

    def clean_email(self):
        email = self.cleaned_data["email"]
        # The model's constraint, asked here so that the error stands at the field. Unlike
        # email__iexact, Lower() uses the constraint's index.
        if User.objects.alias(lower=Lower("email")).filter(lower=Lower(Value(email))).exists():
            raise ValidationError("A user with that e-mail address already exists.")
        return email

    def clean_picture(self):
        picture = self.cleaned_data["picture"]
        if not picture:
            return None
        if picture.size > MAX_PICTURE_BYTES:
            raise ValidationError(
                f"The picture has {filesizeformat(picture.size)};"
                f" at most {filesizeformat(MAX_PICTURE_BYTES)} are possible."
            )
        try:
            image = Image.open(picture, formats=PICTURE_FORMATS)  # reads the header alone
            pixels = image.width * image.height
            too_large = pixels > MAX_PICTURE_PIXELS[image.format]
            if not too_large:
                image.verify()
        except Image.DecompressionBombError as error:  # above a limit of Pillow's own
            raise ValidationError("The picture has too many pixels.") from error
        except Exception as error:  # what a hostile file makes Pillow raise is not documented
            raise ValidationError(
                "This file is not a picture that can be read. JPEG, PNG and WebP can."
            ) from error
        if too_large:
            raise ValidationError(
                f"The picture has {pixels / 1e6:.0f} million pixels; at most"
                f" {MAX_PICTURE_PIXELS[image.format] / 1e6:.0f} million are possible."
            )
        picture.seek(0)
        picture.name = f"{uuid4().hex}.{image.format.lower()}"  # never the visitor's own name
        return picture

    def save(self, commit=True):
        """Save user, profile and picture, together or not at all, and return the user.

        Raises IntegrityError when somebody took the name or the address since the validation.
        """
        with timed("hash password", self.instance):
            # Before the transaction: hashing would hold the database's write lock meanwhile.
            user = super().save(commit=False)
        picture = self.cleaned_data["picture"]
        try:
            with transaction.atomic():
                with timed("save user", user):
                    user.save()
                create_profile(user)
                # After the user: when the name or the address is taken, no file is left behind.
                if picture:
                    user.profile.picture = picture
                    user.profile.save(update_fields=["picture"])
        except Exception:
            if picture:  # a rollback leaves the file, and a full disk the first part of it
                with suppress(OSError):
                    default_storage.delete(f"pictures/{picture.name}")
            raise
        return user
