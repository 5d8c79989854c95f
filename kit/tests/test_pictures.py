from io import BytesIO
from uuid import UUID

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from each_step.factories import picture_content as picture
from PIL import Image, ImageOps
from safeguards import pictures
from safeguards.pictures import BrokenPicture, PictureField, open_picture

from .factories import check, gradient, saved, thumbnail

UNREADABLE = "We can't read this file. Upload a JPEG, PNG or WebP."


class PictureForm(forms.Form):
    picture = PictureField(label="Profile picture", required=False)


def form_with(content, name="me.jpg"):
    return PictureForm({}, {"picture": SimpleUploadedFile(name, content)})


def two_pictures():
    """Return what some phones save: a JPEG with a second picture behind it."""
    first, second = gradient(), gradient()
    return saved(first, "MPO", save_all=True, append_images=[second])


def animation(size, **options):
    others = [Image.new("RGB", size, "red")]
    return saved(gradient(size=size), "WEBP", save_all=True, append_images=others, **options)


# The field


def test_field_tells_the_visitor_and_the_browser_what_it_accepts():
    html = str(PictureForm()["picture"])
    assert 'accept="image/jpeg,image/png,image/webp"' in html
    assert PictureForm()["picture"].help_text == (
        "Optional. JPEG, PNG or WebP, at most 20.0\xa0MB."
    )


def test_picture_may_be_optional_or_required():
    form = PictureForm({}, {})
    assert form.is_valid()
    assert form.cleaned_data == {"picture": None}
    with pytest.raises(ValidationError, match="required"):
        PictureField().clean(None)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_accepted_picture_is_unchanged_but_for_its_name(format):
    content = picture(format)
    form = form_with(content, name="../../me.html")
    assert form.is_valid(), form.errors
    upload = form.cleaned_data["picture"]
    assert upload.read() == content
    stem, ending = upload.name.split(".")
    assert UUID(stem).hex == stem
    assert ending == format.lower()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(two_pictures(), id="two pictures"),
        pytest.param(picture(size=(8192, 6144)), id="50 million pixels"),
        pytest.param(picture(size=(9248, 6936)), id="64 million pixels"),
        pytest.param(picture(size=(10800, 2446)), id="panorama"),
    ],
)
def test_photo_of_a_phone_is_accepted(content):
    assert check(content).name.endswith(".jpeg")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(picture("GIF"), id="gif"),
        pytest.param(picture("BMP"), id="bmp"),
        pytest.param(picture("TIFF"), id="tiff"),
        pytest.param(picture("EPS"), id="eps-would-start-ghostscript"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", id="svg"),
        pytest.param(b"<script>alert(1)</script>", id="html"),
        pytest.param(picture("PNG")[:1000], id="half-a-png"),
        pytest.param(picture("PNG")[:-40] + bytes(40), id="damaged-png"),
        pytest.param(picture("JPEG")[:20], id="half-a-jpeg"),
        pytest.param(picture("WEBP")[:40], id="half-a-webp"),
        pytest.param(picture().replace(b"\xff\xc0", b"\xff\xc9"), id="arithmetic coding"),
        pytest.param(b"RIFF\xff\xff\xff\xffWEBP" + bytes(9_000), id="nonsense"),
    ],
)
def test_anything_else_is_refused_at_the_field(content):
    assert form_with(content).errors == {"picture": [UNREADABLE]}


def test_empty_file_is_refused_at_the_field():
    assert form_with(b"").errors == {"picture": ["The submitted file is empty."]}


def test_picture_with_too_many_bytes_is_refused(monkeypatch):
    monkeypatch.setattr(pictures, "MAX_BYTES", 1000)
    with pytest.raises(ValidationError, match="at most 1000.*bytes are possible"):
        check(picture())


@pytest.mark.parametrize(
    ("content", "numbers"),
    [
        (picture(size=(8200, 8100)), "66.4 million pixels; at most 66.0 million"),
        (picture(mode="CMYK", size=(7100, 7100)), "50.4 million pixels; at most 49.6 million"),
        (picture(mode="CMYK", size=(762, 65500)), "49.9 million pixels; at most 33.3 million"),
        (picture("PNG", "L", size=(5010, 5010)), "25.1 million pixels; at most 25.0 million"),
        (picture("WEBP", size=(5010, 5010), method=0), "at most 25.0 million"),
        (picture("WEBP", size=(800, 700), lossless=True), "0.6 million pixels; at most 0.5"),
        (saved(Image.new("1", (65_536, 1)), "PNG"), "a side of more than 65535 pixels"),
    ],
    ids=["JPEG", "CMYK", "narrow", "PNG", "WebP", "lossless", "long"],
)
def test_picture_with_too_many_pixels_is_refused_before_it_is_decoded(
    monkeypatch, content, numbers
):
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(ValidationError, match=numbers):
        check(content)
    # Whoever stored it without the form's check:
    with pytest.raises(BrokenPicture, match=numbers), open_picture(BytesIO(content)):
        pass


def test_picture_above_pillows_own_limit_is_refused(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ValidationError, match="too many pixels"):
        check(picture())


@pytest.mark.parametrize(
    "content",
    [
        picture("WEBP", size=(800, 700), lossless=True, icc_profile=b"odd"),
        animation(size=(800, 700), lossless=True),
        saved(Image.new("RGBA", (800, 700), (0, 0, 0, 9)), "WEBP"),
    ],
    ids=["after odd bytes", "animation", "transparency"],
)
def test_lossless_or_transparent_webp_has_fewer_pixels(content):
    with pytest.raises(ValidationError, match="at most 0.5 million"):
        check(content)


@pytest.mark.parametrize("look_at", [check, thumbnail])
@pytest.mark.parametrize("content", [picture("GIF"), b"RIFF" + bytes(4) + b"WEBP"])
def test_no_other_decoder_sees_a_picture(monkeypatch, look_at, content):
    decoder = (lambda *args: pytest.fail("opened"), lambda prefix: True)
    monkeypatch.setitem(Image.OPEN, "GIF", decoder)
    with pytest.raises((ValidationError, BrokenPicture)):
        look_at(content)


# What open_picture() yields, scaled as the steps scale it


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
    assert thumbnail(picture(format, size=size)).size == expected


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
    result = thumbnail(picture(format, mode, size=(600, 600)))
    assert (result.format, result.mode) == ("JPEG", "RGB")
    # The gradient runs from black at the top to white at the bottom.
    assert max(result.getpixel((150, 20))) < 80
    assert min(result.getpixel((150, 280))) > 170


@pytest.mark.parametrize("size", [(600, 600), (1500, 1500)])
def test_thumbnail_of_16_bits_a_pixel_is_scaled_to_8(size):
    content = saved(Image.new("I;16", size, 128 * 256), "PNG")
    assert thumbnail(content).getpixel((150, 150)) == (128, 128, 128)


@pytest.mark.parametrize("mode", ["1", "P"])
def test_thumbnail_of_few_colours_has_those_between_them(mode):
    stripes = Image.frombytes("L", (600, 600), b"\x00\xff" * 180_000)
    content = saved(stripes.convert(mode), "PNG")
    assert 100 < thumbnail(content).getpixel((150, 150))[0] < 155


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_parts_become_white(mode):
    transparent = Image.new("RGBA", (600, 600), (0, 0, 0, 0)).convert(mode)
    content = saved(transparent, "PNG", **({"transparency": 0} if mode == "P" else {}))
    assert thumbnail(content).getpixel((150, 150)) == (255, 255, 255)


def test_jpeg_is_scaled_while_it_is_decoded():
    with open_picture(BytesIO(picture(size=(4800, 4800)))) as image:
        assert image.draft(None, (600, 600))[1] == (0, 0, 600, 600)


def white_quarter(image):
    quarters = image.convert("L").resize((2, 2)).tobytes()
    return quarters.index(max(quarters))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("little_endian", [True, False])
@pytest.mark.parametrize("orientation", range(1, 9))  # all that a camera may state
def test_thumbnail_is_upright(format, little_endian, orientation):
    image, exif = Image.new("RGB", (600, 300)), Image.Exif()
    image.paste("white", (0, 0, 300, 150))
    exif.endian = "<" if little_endian else ">"
    exif[0x010E] = "my house"
    exif[0x0112] = orientation
    content = saved(image, format, exif=exif)
    assert (b"II*\0" in content) == little_endian
    upright = ImageOps.exif_transpose(Image.open(BytesIO(content)))
    result = thumbnail(content)
    assert result.size == (upright.width / 2, upright.height / 2)
    assert white_quarter(result) == white_quarter(upright)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_image_has_nothing_of_the_file_but_its_pixels_and_orientation(format):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "my house"
    exif.get_ifd(0x8825)[1] = "N"  # where the picture was taken
    options = {"PNG": {}, "WEBP": {"xmp": b"at home"}, "JPEG": {"comment": b"at home"}}[format]
    content = picture(format, exif=exif, icc_profile=b"a profile", **options)
    assert b"my house" in content
    with open_picture(BytesIO(content)) as image:
        assert dict(image.getexif()) == {0x0112: 6}
        assert image.info.keys().isdisjoint(["comment", "xmp", "icc_profile"])
        image.load()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_damaged_exif_data_is_no_reason_to_refuse_a_good_picture(format):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "my house"
    exif.get_ifd(0x8825)[1] = "N"
    content = picture(format, size=(320, 160), exif=exif)
    start = content.index(b"MM\0*")
    end = start + len(exif.tobytes().removeprefix(b"Exif\0\0"))
    for at in range(start, end - 3):
        damaged = content[:at] + b"\xff\xff\xff" + content[at + 3 :]
        assert thumbnail(damaged).size in [(300, 150), (150, 300)]


# Whose fault it is


@pytest.mark.parametrize(
    "content",
    [b"", b"no picture", picture("GIF"), picture()[:2000], picture("PNG")[:-40] + bytes(40)],
    ids=["empty", "text", "GIF", "part of a JPEG", "damaged PNG"],
)
def test_what_cannot_be_decoded_is_a_broken_picture(content):
    with pytest.raises(BrokenPicture, match=r"."):
        thumbnail(content)


def test_lack_of_memory_is_no_broken_picture():
    with pytest.raises(MemoryError), open_picture(BytesIO(picture())):
        raise MemoryError


def test_error_of_the_storage_is_no_broken_picture():
    class Away(ContentFile):
        def read(self, *args):
            raise OSError("the storage is away")

    with pytest.raises(OSError, match="the storage is away"), open_picture(Away(b"")):
        pass
