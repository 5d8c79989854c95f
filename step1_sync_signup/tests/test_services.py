import socket
from io import BytesIO
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.db import OperationalError, connection
from django.utils import timezone
from PIL import Image

from accounts import services
from accounts.jokes import FALLBACK
from accounts.models import Profile
from accounts.services import make_thumbnail, resize_profile_image, send_welcome_email
from accounts.timing import records_of

from .conftest import JOKE
from .factories import picture_content


def thumbnail_of(content):
    return Image.open(make_thumbnail(ContentFile(content)))


def reloaded(user):
    return Profile.objects.get(user=user)


def test_welcome_mail_carries_the_joke_as_text_and_html(user, mailoutbox):
    assert send_welcome_email(user) is True
    [mail] = mailoutbox
    assert mail.to == ["ada@example.com"]
    assert mail.subject == "Welcome, ada!"
    assert JOKE in mail.body
    assert JOKE in mail.alternatives[0].content
    assert reloaded(user).welcome_state == "done"


def test_mail_that_is_sent_twice_carries_the_same_message_id(user, mailoutbox):
    send_welcome_email(user)
    send_welcome_email(user)
    first, second = (mail.message()["Message-ID"] for mail in mailoutbox)
    assert first == second
    assert str(user.pk) in first


def test_joke_is_escaped_in_html_and_not_in_text(user, mailoutbox, joke_api):
    joke_api.clear()
    joke_api.expect_request("/").respond_with_json({"joke": "1 < 2 & <b>3</b>"})
    send_welcome_email(user)
    [mail] = mailoutbox
    assert "1 < 2 & <b>3</b>" in mail.body
    assert "1 &lt; 2 &amp; &lt;b&gt;3&lt;/b&gt;" in mail.alternatives[0].content


def test_welcome_mail_goes_out_without_the_joke_api(user, mailoutbox, joke_api):
    joke_api.clear()
    assert send_welcome_email(user) is True
    assert FALLBACK in mailoutbox[0].body
    [record] = [record for record in records_of(user) if record["event"] == "fetch joke"]
    assert "500 Server Error" in record["error"]


def test_welcome_mail_waits_for_its_joke_where_that_is_required(user, mailoutbox, joke_api):
    joke_api.clear()
    assert send_welcome_email(user, retries=2, joke_required=True) is False
    assert mailoutbox == []
    profile = reloaded(user)
    assert profile.welcome_state == "retrying"
    assert "HTTPError" in profile.welcome_error


def test_mail_server_that_is_down_leaves_the_reason(user, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        settings.EMAIL_PORT = unused.getsockname()[1]
        assert send_welcome_email(user) is False
    profile = reloaded(user)
    assert profile.welcome_state == "failed"
    assert "refused" in profile.welcome_error


def test_mail_that_was_sent_stays_sent_when_a_second_try_fails(user, broken_mail):
    Profile.objects.update(welcome_sent_at=timezone.now())
    assert send_welcome_email(user) is False
    assert (reloaded(user).welcome_state, reloaded(user).welcome_error) == ("done", "")


def test_reason_is_forgotten_when_the_mail_goes_out_after_all(user):
    Profile.objects.filter(user=user).update(welcome_error="mail server asleep")
    send_welcome_email(user)
    assert reloaded(user).welcome_error == ""


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


def test_thumbnail_of_16_bits_a_pixel_is_scaled_to_8():
    picture, content = Image.new("I;16", (600, 600), 128 * 256), BytesIO()
    picture.save(content, "PNG")
    assert thumbnail_of(content.getvalue()).getpixel((150, 150)) == (128, 128, 128)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_parts_become_white(mode):
    picture, content = Image.new("RGBA", (600, 600), (0, 0, 0, 0)).convert(mode), BytesIO()
    picture.save(content, "PNG", **({"transparency": 0} if mode == "P" else {}))
    assert thumbnail_of(content.getvalue()).getpixel((150, 150)) == (255, 255, 255)


def test_thumbnail_is_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the top of the picture is at the right
    thumbnail = thumbnail_of(picture_content(size=(800, 400), exif=exif))
    assert thumbnail.size == (150, 300)


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


def test_resize_keeps_the_original_and_stores_a_thumbnail(user):
    original = Path(user.profile.picture.path).read_bytes()
    assert resize_profile_image(user.profile) is True
    profile = reloaded(user)
    assert profile.picture_state == "done"
    with Image.open(profile.thumbnail.path) as thumbnail:
        assert thumbnail.size == (300, 225)
    assert Path(profile.picture.path).read_bytes() == original


def test_resize_may_run_twice_and_leaves_one_thumbnail(user, media_root):
    resize_profile_image(reloaded(user))
    resize_profile_image(reloaded(user))
    [path] = (media_root / "thumbnails").iterdir()
    assert path == Path(reloaded(user).thumbnail.path)


def test_broken_picture_leaves_the_reason_and_the_original(user):
    path = Path(user.profile.picture.path)
    broken = path.read_bytes()[:2000]  # a header that passes the form, and half of the rest
    path.write_bytes(broken)
    assert resize_profile_image(user.profile) is False
    profile = reloaded(user)
    assert profile.picture_state == "failed"
    assert "truncated" in profile.picture_error
    assert path.read_bytes() == broken


def test_missing_picture_leaves_the_reason(user):
    Path(user.profile.picture.path).unlink()
    assert resize_profile_image(user.profile) is False
    assert reloaded(user).picture_state == "failed"


def test_error_without_a_text_is_a_reason_too(user, monkeypatch):
    def fail(picture):
        raise MemoryError

    monkeypatch.setattr(services, "make_thumbnail", fail)
    resize_profile_image(user.profile)
    assert reloaded(user).picture_state == "failed"
    assert reloaded(user).picture_error == "MemoryError()"


def test_thumbnail_that_cannot_be_stored_leaves_the_reason(user, media_root):
    (media_root / "thumbnails").write_text("in the way")
    assert resize_profile_image(user.profile) is False
    assert reloaded(user).picture_state == "failed"


def test_thumbnail_that_was_stored_in_part_is_not_kept(user, media_root, monkeypatch):
    class HalfWritten(ContentFile):
        def chunks(self, chunk_size=None):
            yield self.read(10)
            raise OSError("No space left on device")

    monkeypatch.setattr(services, "make_thumbnail", lambda picture: HalfWritten(b"x" * 1000))
    assert resize_profile_image(user.profile) is False
    assert reloaded(user).picture_error == "No space left on device"
    assert list((media_root / "thumbnails").iterdir()) == []


def test_failure_of_a_picture_is_not_laid_to_the_one_that_replaced_it(user, monkeypatch):
    def fail(picture):
        Profile.objects.filter(user=user).update(picture="pictures/another.jpeg")
        raise OSError("no such file")

    monkeypatch.setattr(services, "make_thumbnail", fail)
    assert resize_profile_image(user.profile) is False
    assert reloaded(user).picture_state == "waiting"


def test_thumbnail_that_could_not_be_recorded_is_not_kept(user, media_root):
    def refuse_updates(execute, sql, *args):
        if sql.startswith("UPDATE"):
            raise OperationalError("database is locked")
        return execute(sql, *args)

    with connection.execute_wrapper(refuse_updates), pytest.raises(OperationalError):
        resize_profile_image(user.profile)
    assert list((media_root / "thumbnails").iterdir()) == []


def test_profile_without_a_picture_needs_no_resize(user):
    user.profile.picture = ""
    assert resize_profile_image(user.profile) is False


def test_thumbnail_of_a_replaced_picture_is_thrown_away(user, media_root, monkeypatch):
    def replace_meanwhile(picture):
        Profile.objects.filter(user=user).update(picture="pictures/another.jpeg")
        return make_thumbnail(picture)

    monkeypatch.setattr(services, "make_thumbnail", replace_meanwhile)
    assert resize_profile_image(user.profile) is False
    assert list((media_root / "thumbnails").iterdir()) == []
    assert reloaded(user).thumbnail == ""
