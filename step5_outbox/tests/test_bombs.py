import struct
import zlib
from io import BytesIO
from random import Random

import pytest
from django.core.exceptions import ValidationError
from PIL import Image

from accounts.pictures import check

from .factories import picture_content, upload


def segment(marker, content=b""):
    return b"\xff" + marker + struct.pack(">H", 2 + len(content)) + content


def chunk(kind=b"teSt", content=b""):
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def riff_chunk(kind, content=b""):
    return kind + struct.pack("<I", len(content)) + content


def with_parts(format, part, count=1):
    """Return a picture's file with so many more parts in its header."""
    content = picture_content(format)
    start = {"JPEG": 2, "PNG": 33, "WEBP": 12}[format]
    return content[:start] + count * part + content[start:]


def with_profiles(count):
    profile = zlib.compress(bytes(1_000_000), 9)
    return with_parts("PNG", chunk(b"iCCP", b"x\0\0" + profile), count)


SCAN = segment(b"\xda", b"\x01\x01\x00\x00\x3f\x00")
TABLES = segment(b"\xdb", 900 * bytes(65))
EXIF = segment(b"\xe1", b"Exif\0\0" + bytes(65_000))
PHOTOSHOP = segment(b"\xed", b"Photoshop 3.0\0" + 5_000 * (b"8BIM" + bytes(8)))
VIDEO = Random(1).randbytes(15_000_000)  # compressed, so that it looks like chance
# What ends the header for a reader who does not know where segments begin.
NO_SCAN = b"\0" + segment(b"\xfe", b"\xff\xda")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(with_parts("JPEG", segment(b"\xe1", b"Exif\0\0ab"), 100_000), id="segments"),
        pytest.param(with_parts("JPEG", segment(b"\xe2"), 5_000_000), id="empty segments"),
        pytest.param(with_parts("JPEG", b"\xff\xd8", 5_000_000), id="markers"),
        pytest.param(with_parts("JPEG", TABLES, 50), id="tables"),
        pytest.param(with_parts("JPEG", EXIF, 50), id="Exif"),
        pytest.param(with_parts("JPEG", PHOTOSHOP, 50), id="Photoshop"),
        pytest.param(with_parts("JPEG", NO_SCAN + 50 * PHOTOSHOP), id="after what is no scan"),
        pytest.param(with_parts("JPEG", b"\xff\xd8\xff\xff" + 50 * TABLES), id="after no segment"),
        pytest.param(picture_content() + SCAN * 100_000, id="scans"),
        pytest.param(b"\xff\xd8" + bytes(20_000_000), id="junk"),
        pytest.param(with_parts("JPEG", segment(b"\xe2") + bytes(200), 900), id="junk between"),
        pytest.param(b"\xff\xd8" + b"\xff" * 20_000_000, id="fill bytes"),
        pytest.param(picture_content().replace(b"\xff\xc0", b"\xff\xc9"), id="arithmetic coding"),
        pytest.param(with_parts("PNG", chunk(), 1_000_000), id="chunks of a PNG"),
        pytest.param(with_profiles(50), id="profiles"),
        pytest.param(with_parts("WEBP", riff_chunk(b"teSt"), 2_000_000), id="chunks of a WebP"),
    ],
)
def test_parts_in_great_numbers_are_refused_before_pillow_sees_them(content, monkeypatch):
    monkeypatch.setattr(Image, "open", lambda *args, **options: pytest.fail("opened"))
    with pytest.raises(ValidationError, match="too many parts"):
        check(upload(content))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(with_parts("JPEG", segment(b"\xe1", bytes(65_533)), 200), id="metadata"),
        pytest.param(with_parts("JPEG", segment(b"\xe2", b"ab"), 900), id="segments"),
        pytest.param(with_parts("JPEG", EXIF + PHOTOSHOP + TABLES, 5), id="tables"),
        pytest.param(picture_content(progressive=True), id="scans"),
        pytest.param(picture_content() + VIDEO, id="video after the picture"),
        pytest.param(with_parts("JPEG", segment(b"\xe2") + bytes(1_000)), id="junk"),
        pytest.param(with_parts("PNG", chunk(content=bytes(1_000)), 19_000), id="chunks"),
        pytest.param(with_profiles(1), id="profile"),
    ],
)
def test_photo_with_much_beside_the_picture_is_accepted(content):
    assert check(upload(content)) in ("JPEG", "PNG")


def lossless(size, **options):
    return picture_content("WEBP", size=size, lossless=True, **options)


def animation(size, **options):
    content, frames = BytesIO(), [Image.new("RGB", size, colour) for colour in ["red", "blue"]]
    frames[0].save(content, "WEBP", save_all=True, append_images=frames[1:], **options)
    return content.getvalue()


def transparent(size):
    content = BytesIO()
    Image.new("RGBA", size, (0, 0, 0, 9)).save(content, "WEBP")
    return content.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(lossless((800, 700)), id="picture"),
        pytest.param(lossless((800, 700), icc_profile=b"odd"), id="after odd bytes"),
        pytest.param(animation((800, 700), lossless=True), id="animation"),
        pytest.param(transparent((800, 700)), id="transparency"),
    ],
)
def test_lossless_webp_has_fewer_pixels(content):
    with pytest.raises(ValidationError, match=r"0.6 million.* at most 0.5 million.*lossless"):
        check(upload(content))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(lossless((700, 700)), id="lossless"),
        pytest.param(transparent((700, 700)), id="transparency"),
        pytest.param(animation((800, 700)), id="animation"),
    ],
)
def test_other_webp_is_accepted(content):
    assert check(upload(content)) == "WEBP"


def test_picture_that_is_very_long_is_refused():
    content = BytesIO()
    Image.new("1", (65_536, 1)).save(content, "PNG")
    with pytest.raises(ValidationError, match="side of more than 65535"):
        check(upload(content.getvalue()))
