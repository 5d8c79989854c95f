import socket
from pathlib import Path

import pytest
from django.utils import timezone
from PIL import ExifTags, Image
from safeguards.pictures import BrokenPicture
from timing.records import records_of

from accounts import services
from accounts.forms import SignUpForm
from accounts.jokes import FALLBACK
from accounts.models import Profile, User
from accounts.services import make_thumbnail, resize_profile_image, send_welcome_email

from .factories import picture_content, sign_up_data
from .fixtures import JOKE


def reloaded(user):
    return Profile.objects.get(user=user)


def test_welcome_mail_carries_the_joke_as_text_and_html(user, mailoutbox):
    send_welcome_email(user)
    [mail] = mailoutbox
    assert mail.to == ["ada@example.com"]
    assert mail.subject == "Welcome, ada!"
    for content in [mail.body, mail.alternatives[0].content]:
        assert "Hello ada" in content
        assert JOKE in content
    assert reloaded(user).welcome_state == "done"


def test_mail_that_is_sent_is_the_users_own(user):
    other = SignUpForm(sign_up_data(username="eve", email="eve@example.com")).save()
    send_welcome_email(user)
    assert reloaded(other).welcome_state == "waiting"


def test_mail_that_is_sent_twice_carries_the_same_message_id(user, mailoutbox):
    send_welcome_email(user)
    send_welcome_email(user)
    first, second = (mail.message()["Message-ID"] for mail in mailoutbox)
    assert first == second
    assert str(user.pk) in first


def test_mail_that_is_sent_twice_was_sent_when_it_was_sent_first(user):
    send_welcome_email(user)
    first = reloaded(user).welcome_sent_at
    send_welcome_email(user)
    assert reloaded(user).welcome_sent_at == first


def test_joke_is_escaped_in_html_and_not_in_text(user, mailoutbox, joke_api):
    joke_api.clear()
    joke_api.expect_request("/").respond_with_json({"joke": "1 < 2 & <b>3</b>"})
    send_welcome_email(user)
    [mail] = mailoutbox
    assert "1 < 2 & <b>3</b>" in mail.body
    assert "1 &lt; 2 &amp; &lt;b&gt;3&lt;/b&gt;" in mail.alternatives[0].content


def test_welcome_mail_goes_out_without_the_joke_api(user, mailoutbox, joke_api):
    joke_api.clear()
    send_welcome_email(user)
    assert FALLBACK in mailoutbox[0].body
    [record] = [record for record in records_of(user) if record["event"] == "fetch joke"]
    assert "500 Server Error" in record["error"]


def test_mail_server_that_is_down_leaves_the_reason(user, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        settings.EMAIL_PORT = unused.getsockname()[1]
        with pytest.raises(ConnectionRefusedError):
            send_welcome_email(user)
    profile = reloaded(user)
    assert profile.welcome_state != "done"
    assert "refused" in profile.welcome_error


def test_mail_that_was_sent_stays_sent_when_a_second_try_fails(user, broken_mail):
    Profile.objects.update(welcome_sent_at=timezone.now())
    with pytest.raises(OSError, match="asleep"):
        send_welcome_email(user)
    assert (reloaded(user).welcome_state, reloaded(user).welcome_error) == ("done", "")


def test_reason_is_forgotten_when_the_mail_goes_out_after_all(user):
    Profile.objects.filter(user=user).update(welcome_error="mail server asleep")
    send_welcome_email(user)
    assert reloaded(user).welcome_error == ""


def test_resize_keeps_the_original_and_stores_a_thumbnail(user, settings):
    settings.SIMULATED_RESIZE_SECONDS = 0.05
    original = Path(user.profile.picture.path).read_bytes()
    resize_profile_image(user.profile)
    profile = reloaded(user)
    assert profile.picture_state == "done"
    with Image.open(profile.thumbnail.path) as thumbnail:
        assert thumbnail.size == (300, 225)
    assert Path(profile.picture.path).read_bytes() == original
    [record] = [record for record in records_of(user) if record["event"] == "resize picture"]
    assert record["elapsed"] >= 0.05


def test_resize_may_run_twice(user):
    resize_profile_image(reloaded(user))
    resize_profile_image(reloaded(user))
    assert Path(reloaded(user).thumbnail.path).exists()


def test_picture_that_cannot_be_decoded_leaves_the_reason(user):
    path = Path(user.profile.picture.path)
    broken = path.read_bytes()[:2000]  # a header that passes the form, and half of the rest
    path.write_bytes(broken)
    with pytest.raises(BrokenPicture):
        resize_profile_image(user.profile)
    profile = reloaded(user)
    assert profile.picture_error
    assert "truncated" in profile.picture_error
    assert path.read_bytes() == broken


def test_missing_picture_leaves_the_reason_and_may_be_tried_again(user):
    Path(user.profile.picture.path).unlink()
    with pytest.raises(FileNotFoundError):
        resize_profile_image(user.profile)
    assert "No such file" in reloaded(user).picture_error


def test_error_without_a_text_is_a_reason_too(user, monkeypatch):
    def fail(picture):
        raise MemoryError

    monkeypatch.setattr(services, "make_thumbnail", fail)
    with pytest.raises(MemoryError):
        resize_profile_image(user.profile)
    assert reloaded(user).picture_error == "MemoryError()"


def test_picture_that_failed_before_is_done_when_it_works(user):
    Profile.objects.update(picture_error="the storage is away")
    resize_profile_image(reloaded(user))
    assert (reloaded(user).picture_state, reloaded(user).picture_error) == ("done", "")


def test_picture_that_is_done_stays_done_when_a_second_try_fails(user, monkeypatch):
    resize_profile_image(user.profile)
    monkeypatch.setattr(services, "make_thumbnail", lambda picture: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        resize_profile_image(reloaded(user))
    assert (reloaded(user).picture_state, reloaded(user).picture_error) == ("done", "")


def test_thumbnail_that_cannot_be_stored_leaves_the_reason(user, media_root):
    (media_root / "thumbnails").write_text("in the way")
    with pytest.raises(FileExistsError):
        resize_profile_image(user.profile)
    assert reloaded(user).picture_error


def test_failure_of_a_picture_is_not_laid_to_the_one_that_replaced_it(user, monkeypatch):
    def fail(picture):
        Profile.objects.filter(user=user).update(picture="pictures/another.jpeg")
        raise OSError("no such file")

    monkeypatch.setattr(services, "make_thumbnail", fail)
    with pytest.raises(OSError, match="no such file"):
        resize_profile_image(user.profile)
    assert reloaded(user).picture_state == "waiting"


def test_profile_without_a_picture_needs_no_resize(user):
    Profile.objects.update(picture="", welcome_sent_at=timezone.now())
    resize_profile_image(reloaded(user))
    assert reloaded(user).picture_state == "none"
    assert reloaded(user).is_settled


def test_worker_that_was_stopped_for_long_leaves_the_thumbnail_of_another(user):
    stopped = reloaded(user)
    resize_profile_image(user.profile)
    first = reloaded(user).thumbnail.name
    resize_profile_image(stopped)
    assert reloaded(user).thumbnail.name == first


def test_thumbnail_of_a_replaced_picture_is_not_recorded(user, monkeypatch):
    def replace_meanwhile(picture):
        Profile.objects.filter(user=user).update(picture="pictures/another.jpeg")
        return make_thumbnail(picture)

    monkeypatch.setattr(services, "make_thumbnail", replace_meanwhile)
    resize_profile_image(user.profile)
    assert reloaded(user).thumbnail == ""


def test_user_without_an_address_gets_no_mail_and_is_told_so(db):
    users = [User.objects.create_user(name) for name in ["ada", "bob"]]
    Profile.objects.get_or_create(user=users[1])
    with pytest.raises(services.NoAddress):
        send_welcome_email(users[1])
    assert reloaded(users[1]).welcome_error == "no e-mail address"


@pytest.mark.parametrize("held", [1, 3, 6, 8])
def test_thumbnail_is_upright_and_carries_no_metadata(user, held):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = held
    path = Path(user.profile.picture.path)
    content = picture_content(size=(640, 480), exif=exif, comment=b"taken at home")
    path.write_bytes(content)
    with Image.open(make_thumbnail(user.profile.picture)) as thumbnail:
        assert thumbnail.size == ((225, 300) if held > 4 else (300, 225))
        assert not thumbnail.getexif()
        assert "comment" not in thumbnail.info


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_picture_of_each_mode_becomes_a_jpeg_on_white(user, mode):
    path = Path(user.profile.picture.path)
    path.write_bytes(picture_content("PNG", mode))
    with Image.open(make_thumbnail(user.profile.picture)) as thumbnail:
        assert (thumbnail.format, thumbnail.mode, thumbnail.size) == ("JPEG", "RGB", (300, 225))
