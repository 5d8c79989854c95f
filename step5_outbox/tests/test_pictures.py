from io import BytesIO

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from PIL import Image, ImageOps

from accounts import pictures
from accounts.pictures import BrokenPicture, check, make_thumbnail

from .factories import picture_content, upload


def thumbnail_of(content):
    return Image.open(make_thumbnail(ContentFile(content)))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1600, 1200), (300, 225)),
        ((300, 900), (100, 300)),
        ((3000, 1), (300, 1)),
        ((40, 30), (40, 30)),
    ],
)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_thumbnail_fits_and_keeps_the_aspect(format, size, expected):
    assert thumbnail_of(picture_content(format, size=size)).size == expected


@pytest.mark.parametrize(
    ("format", "mode"),
    [
        ("JPEG", "L"),
        ("JPEG", "CMYK"),
        ("PNG", "1"),
        ("PNG", "L"),
        ("PNG", "LA"),
        ("PNG", "P"),
        ("PNG", "RGBA"),
        ("WEBP", "RGBA"),
    ],
)
def test_thumbnail_of_every_mode_is_an_rgb_jpeg_of_the_same_picture(format, mode):
    thumbnail = thumbnail_of(picture_content(format, mode, size=(600, 600)))
    assert (thumbnail.format, thumbnail.mode) == ("JPEG", "RGB")
    # The gradient runs from black at the top to white at the bottom.
    assert max(thumbnail.getpixel((150, 20))) < 80
    assert min(thumbnail.getpixel((150, 280))) > 170


@pytest.mark.parametrize("size", [(600, 600), (1500, 1500)])
def test_thumbnail_of_16_bits_a_pixel_is_scaled_to_8(size):
    picture, content = Image.new("I;16", size, 128 * 256), BytesIO()
    picture.save(content, "PNG")
    assert thumbnail_of(content.getvalue()).getpixel((150, 150)) == (128, 128, 128)


@pytest.mark.parametrize("mode", ["1", "P"])
def test_thumbnail_of_few_colours_has_those_between_them(mode):
    stripes, content = Image.frombytes("L", (600, 600), b"\x00\xff" * 180_000), BytesIO()
    stripes.convert(mode).save(content, "PNG")
    assert 100 < thumbnail_of(content.getvalue()).getpixel((150, 150))[0] < 155


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_parts_become_white(mode):
    picture, content = Image.new("RGBA", (600, 600), (0, 0, 0, 0)).convert(mode), BytesIO()
    picture.save(content, "PNG", **({"transparency": 0} if mode == "P" else {}))
    assert thumbnail_of(content.getvalue()).getpixel((150, 150)) == (255, 255, 255)


def white_quarter(image):
    quarters = image.convert("L").resize((2, 2)).tobytes()
    return quarters.index(max(quarters))


@pytest.mark.parametrize("orientation", range(1, 9))  # all that a camera may state
def test_thumbnail_is_upright(orientation):
    picture, content, exif = Image.new("L", (600, 300)), BytesIO(), Image.Exif()
    picture.paste(255, (0, 0, 300, 150))
    exif[0x0112] = orientation
    picture.save(content, "JPEG", exif=exif)
    upright = ImageOps.exif_transpose(Image.open(content))
    thumbnail = thumbnail_of(content.getvalue())
    assert thumbnail.size == (upright.width / 2, upright.height / 2)
    assert white_quarter(thumbnail) == white_quarter(upright)


def test_thumbnail_has_no_metadata():
    exif = Image.Exif()
    exif[0x010E] = "my house"
    exif.get_ifd(0x8825)[1] = "N"  # where the picture was taken
    picture = picture_content(exif=exif, comment=b"at home")
    assert b"my house" in picture
    assert b"at home" in picture
    thumbnail = thumbnail_of(picture)
    assert not thumbnail.getexif()
    assert "comment" not in thumbnail.info
    assert "exif" not in thumbnail.info


@pytest.mark.filterwarnings("ignore")  # Pillow warns of each damage
@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
def test_damaged_exif_data_is_no_reason_to_refuse_a_good_picture(format):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "my house"
    picture = picture_content(format, size=(320, 160), exif=exif)
    start = picture.index(b"MM\0*")
    end = start + len(exif.tobytes().removeprefix(b"Exif\0\0"))
    for at in range(start, end - 3):
        damaged = picture[:at] + b"\xff\xff\xff" + picture[at + 3 :]
        assert thumbnail_of(damaged).size in [(300, 150), (150, 300)]


def test_lack_of_memory_is_no_broken_picture(monkeypatch):
    def fail(content):
        raise MemoryError

    monkeypatch.setattr(pictures, "scaled", fail)
    with pytest.raises(MemoryError):
        thumbnail_of(picture_content())


@pytest.mark.parametrize(
    "content",
    [b"", b"no picture", picture_content("GIF"), picture_content()[:2000]],
    ids=["empty", "text", "GIF", "part of a JPEG"],
)
def test_what_cannot_be_decoded_is_a_broken_picture(content):
    with pytest.raises(BrokenPicture):
        thumbnail_of(content)


def test_error_of_the_storage_is_no_broken_picture():
    class Away(ContentFile):
        def read(self, *args):
            raise OSError("the storage is away")

    with pytest.raises(OSError, match="the storage is away"):
        make_thumbnail(Away(b""))


@pytest.mark.parametrize(
    ("format", "size", "limit"), [("JPEG", 7100, 50), ("PNG", 5010, 25), ("WEBP", 5010, 25)]
)
def test_picture_with_too_many_pixels_is_refused_before_it_is_decoded(
    monkeypatch, format, size, limit
):
    content = BytesIO()
    Image.new("L", (size, size)).save(content, format, method=0)
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(ValidationError, match=f"at most {limit} million"):
        check(upload(content.getvalue()))


@pytest.mark.parametrize("look_at", [lambda content: check(upload(content)), thumbnail_of])
def test_no_other_decoder_sees_a_picture(monkeypatch, look_at):
    decoder = (lambda *args: pytest.fail("opened"), lambda prefix: True)
    monkeypatch.setitem(Image.OPEN, "GIF", decoder)
    with pytest.raises((ValidationError, BrokenPicture)):
        look_at(picture_content("GIF"))
