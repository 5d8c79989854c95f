"""What a picture may be, how it is stored, and how it is scaled."""

import warnings
from contextlib import suppress
from io import BytesIO
from uuid import uuid4

from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.template.defaultfilters import filesizeformat
from PIL import ExifTags, Image

from . import bombs

FORMATS = ["JPEG", "PNG", "WEBP"]
THUMBNAIL_SIZE = (300, 300)  # pixels
MAX_BYTES = 20 * 1024 * 1024
# Pixels by format. Most JPEGs are scaled down while they are decoded, and a progressive one takes
# up to eight bytes a pixel; the others need their full size in memory first, at up to 16 bytes a
# pixel, or 800 in a lossless WebP that is made for it. MPO is what some phones call a JPEG with a
# second picture in it.
MAX_PIXELS = {
    "JPEG": 50_000_000,
    "MPO": 50_000_000,
    "PNG": 25_000_000,
    "WEBP": 25_000_000,
    "lossless WEBP": 500_000,
}
MAX_SIDE = 65_535  # pixels, which is what a JPEG can have

# Pillow warns of each piece of damage, and some files have thousands.
warnings.filterwarnings("ignore", module=r"PIL\.")

TURNS = {  # from how the camera was held to upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class BrokenPicture(Exception):
    """A picture that can't be decoded, now or later."""


def check(upload):
    """Return the format of an uploaded picture; raise ValidationError if it is not acceptable.

    Nothing is decoded: what is broken behind the header shows when it is scaled.
    """
    if upload.size > MAX_BYTES:
        raise ValidationError(
            f"The picture has {filesizeformat(upload.size)};"
            f" at most {filesizeformat(MAX_BYTES)} are possible."
        )
    content = upload.read()
    if bombs.is_bomb(content):
        raise ValidationError("The picture's file has too many parts.")
    is_lossless_webp = bombs.is_lossless_webp(content)
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            format, size = image.format, image.size
            most = MAX_PIXELS["lossless WEBP" if is_lossless_webp else format]
            pixels = image.width * image.height
            if pixels <= most:
                image.verify()
    except Image.DecompressionBombError as error:  # above a limit of Pillow's own
        raise ValidationError("The picture has too many pixels.") from error
    except Exception as error:  # what a hostile file makes Pillow raise is not documented
        raise ValidationError(
            "This file is not a picture that can be read. JPEG, PNG and WebP can."
        ) from error
    if pixels > most:
        raise ValidationError(
            f"The picture has {pixels / 1e6:.1f} million pixels;"
            f" at most {most / 1e6:g} million are possible"
            f"{' in a lossless or transparent WebP' if is_lossless_webp else ''}."
        )
    if max(size) > MAX_SIDE:
        raise ValidationError(f"The picture has a side of more than {MAX_SIDE} pixels.")
    return format


def new_name(format):
    """Return a file name that nothing of the visitor's is in."""
    return f"{uuid4().hex}.{format.lower()}"


def store(field, name, content):
    """Store a file where the model's field keeps its files; return the name for its column.

    Raises what the storage raises, and then leaves no part of the file behind.
    """
    path = field.generate_filename(None, name)
    try:
        return field.storage.save(path, content)
    except Exception:
        discard(field, path)
        raise


def discard(field, path):
    """Delete a file that no row names, if the storage lets us."""
    with suppress(Exception):
        field.storage.delete(path)


def make_thumbnail(picture):
    """Return the picture as a JPEG file that fits THUMBNAIL_SIZE, upright and without metadata.

    Raises BrokenPicture, or what the storage raises.
    """
    with picture.open() as file:
        content = file.read()
    try:
        return ContentFile(scaled(content))
    except MemoryError:
        raise
    except Exception as error:  # as in check()
        raise BrokenPicture(error) from error


def scaled(content):
    with Image.open(BytesIO(content), formats=FORMATS) as image:
        if image.mode.startswith("I"):  # 16 bits a pixel, which Pillow does not scale
            image = image.point(lambda level: level / 256).convert("L")
        if image.mode in ("1", "P"):  # modes that Pillow scales without interpolation
            image = image.convert("RGBA")
        # Before anything else that decodes: a JPEG is then decoded at a fraction of its size.
        image.thumbnail(THUMBNAIL_SIZE)
        image = upright(image).convert("RGBA")
    # A new image, because the old one's comments and EXIF data would be saved with it. Its colour
    # profile goes, too: what a phone saves in wide colours comes out a little duller.
    thumbnail = Image.new("RGB", image.size, "white")
    thumbnail.paste(image, mask=image)
    result = BytesIO()
    thumbnail.save(result, "JPEG", quality=85)
    return result.getvalue()


def upright(image):
    """Return the image turned as the camera says that it was held."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # damaged EXIF data is no reason to refuse a good picture
        orientation = None
    return image.transpose(TURNS[orientation]) if orientation in TURNS else image
