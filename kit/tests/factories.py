"""Pictures to test with, and what their files are made of."""

import struct
import zlib
from io import BytesIO

from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image, ImageOps
from safeguards.pictures import PictureField, open_picture


def saved(image, format="JPEG", **options):
    content = BytesIO()
    image.save(content, format, **options)
    return content.getvalue()


def gradient(size=(640, 480)):
    """Return an image that runs from black at the top to white at the bottom."""
    return Image.linear_gradient("L").resize(size).convert("RGB")


def segment(marker, content=b""):
    """Return a part of a JPEG."""
    return b"\xff" + marker + struct.pack(">H", 2 + len(content)) + content


def chunk(kind=b"teSt", content=b""):
    """Return a part of a PNG."""
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def riff_chunk(kind=b"teSt", content=b""):
    """Return a part of a WebP."""
    return kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def with_parts(content, *parts):
    """Return a picture's file with more parts in its header."""
    parts = b"".join(parts)
    if content.startswith(b"RIFF"):
        size = struct.pack("<I", len(content) - 8 + len(parts))
        return content[:4] + size + content[8:30] + parts + content[30:]
    start = 2 if content.startswith(b"\xff\xd8") else 33
    return content[:start] + parts + content[start:]


def check(upload):
    """Return the upload, or the bytes of one, as a form's field has it after its checks."""
    if isinstance(upload, bytes):
        upload = SimpleUploadedFile("me.jpg", upload)
    return PictureField().clean(upload)


def thumbnail_of(file):
    """Return a thumbnail, made as the steps make it."""
    with open_picture(file) as image:
        image.thumbnail((300, 300))
        image = ImageOps.exif_transpose(image).convert("RGBA")
        thumbnail = Image.new("RGB", image.size, "white")
        thumbnail.paste(image, mask=image)
        result = BytesIO()
        thumbnail.save(result, "JPEG", quality=85)
    return result.getvalue()


def thumbnail(content):
    return Image.open(BytesIO(thumbnail_of(ContentFile(content))))
