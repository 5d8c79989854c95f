"""The limits of an uploaded picture, and how it is opened."""

import warnings
from contextlib import contextmanager
from io import BytesIO
from uuid import uuid4

from django import forms
from django.core.exceptions import ValidationError
from django.template.defaultfilters import filesizeformat
from PIL import Image

from . import bombs
from .permanent import PermanentError

FORMATS = ["JPEG", "PNG", "WEBP"]
MAX_BYTES = 20 * 1024 * 1024
MAX_MEMORY = 400_000_000  # bytes that decoding and scaling may take
MAX_SIDE = 65_535  # pixels, which is what a JPEG can have

# Pillow warns of each piece of damage, and some files have thousands.
warnings.filterwarnings("ignore", module=r"PIL\.")


class BrokenPicture(PermanentError):
    """A picture that can't be decoded, now or later."""


class PictureField(forms.FileField):
    """Accepts a JPEG, PNG or WebP within the limits above, and gives it a name of its own.

    Not an ImageField, which opens any of the 40 formats that Pillow knows, at any size. Nothing is
    decoded, so damage behind the file's header shows only when the picture is scaled.
    """

    widget = forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp"})

    def __init__(self, **options):
        help_text = f"JPEG, PNG or WebP, at most {filesizeformat(MAX_BYTES)}."
        if not options.get("required", True):
            help_text = f"Optional. {help_text}"
        super().__init__(**{"help_text": help_text} | options)

    def clean(self, data, initial=None):
        upload = super().clean(data, initial)
        if not upload or upload is initial:
            return upload
        if upload.size > MAX_BYTES:
            raise ValidationError(
                f"The picture has {filesizeformat(upload.size)};"
                f" at most {filesizeformat(MAX_BYTES)} are possible."
            )
        try:
            with open_within_limits(upload.read()) as image:
                image.verify()
        except BrokenPicture as error:
            raise ValidationError(str(error)) from error
        except Exception as error:  # what a hostile file makes Pillow raise is not documented
            raise ValidationError("We can't read this file. Upload a JPEG, PNG or WebP.") from error
        upload.name = f"{uuid4().hex}.{image.format.lower()}"
        upload.seek(0)
        return upload


@contextmanager
def open_picture(file):
    """Open a picture for Pillow, to be scaled by thumbnail() and turned by exif_transpose().

    Yields an image with the file's pixels and orientation only. Errors of the storage pass through
    while the file is read. After that, every error in the block, except a lack of memory, is taken
    for the picture's fault and raised as BrokenPicture. So do nothing else in the block.
    """
    content = file.read()
    try:
        with open_within_limits(content) as image:
            if image.mode.startswith("I"):  # 16 bits a pixel, which Pillow does not scale
                yield image.point(lambda level: level / 256).convert("L")
            elif image.mode in ("1", "P"):  # modes that Pillow scales without interpolation
                yield image.convert("RGBA")
            else:
                yield image
    except (BrokenPicture, MemoryError):
        raise
    except Exception as error:  # as in PictureField
        raise BrokenPicture(error) from error


def open_within_limits(content):
    """Return an opened image, not yet decoded; raise BrokenPicture if it is too large."""
    try:
        image = Image.open(BytesIO(bombs.pixels_only(content)), formats=FORMATS)
    except Image.DecompressionBombError as error:  # above a limit of Pillow's own
        raise BrokenPicture("The picture has too many pixels.") from error
    pixels, most = image.width * image.height, int(MAX_MEMORY / bytes_per_pixel(image, content))
    if pixels > most:
        raise BrokenPicture(
            f"The picture has {pixels / 1e6:.1f} million pixels;"
            f" at most {most / 1e6:.1f} million are possible in a file of this kind."
        )
    if max(image.size) > MAX_SIDE:
        raise BrokenPicture(f"The picture has a side of more than {MAX_SIDE} pixels.")
    return image


def bytes_per_pixel(image, content):
    """Return how many bytes of memory a pixel may take while the picture is scaled down."""
    if image.format == "JPEG":
        # A progressive one has two bytes of each component in memory. What is decoded has up to
        # four, but is scaled by up to 8 meanwhile, as long as twice a thumbnail's 300 pixels stay.
        scale = min(8, max(1, min(image.size) // 600))
        return 2 * len(image.getbands()) + 4 / scale**2
    return 800 if bombs.is_lossless_webp(content) else 16
