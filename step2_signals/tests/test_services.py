import socket
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.db import OperationalError, connection
from django.utils import timezone
from PIL import Image

from accounts import services
from accounts.forms import SignUpForm
from accounts.jokes import FALLBACK
from accounts.limits import MAX_CONVERSATIONS, joke_places
from accounts.models import Profile
from accounts.pictures import BrokenPicture, make_thumbnail
from accounts.services import resize_profile_image, send_welcome_email
from timing.log import records_of

from .conftest import JOKE
from .factories import sign_up_data


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
    assert profile.welcome_state == "failed"
    assert "refused" in profile.welcome_error


def test_mail_that_was_sent_stays_sent_when_a_second_try_fails(user, broken_mail):
    Profile.objects.update(welcome_sent_at=timezone.now())
    with pytest.raises(OSError, match="asleep"):
        send_welcome_email(user)
    assert (reloaded(user).welcome_state, reloaded(user).welcome_error) == ("done", "")


def test_joke_api_without_a_free_place_leaves_the_mail_servers_free(user, settings, monkeypatch):
    for _ in range(MAX_CONVERSATIONS):
        assert joke_places.acquire(blocking=False)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(settings, "CONVERSATION_SECONDS", 0.01)
            with pytest.raises(services.NoJoke, match="others have not ended"):
                services.get_joke()
        monkeypatch.setattr(services, "joke_for", lambda user: "joke")
        send_welcome_email(user)
    finally:
        joke_places.release(MAX_CONVERSATIONS)


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


def test_resize_may_run_twice_and_leaves_one_thumbnail(user, media_root):
    resize_profile_image(reloaded(user))
    resize_profile_image(reloaded(user))
    [path] = (media_root / "thumbnails").iterdir()
    assert path == Path(reloaded(user).thumbnail.path)


def test_picture_that_cannot_be_decoded_has_failed_for_good_with_its_reason(user):
    path = Path(user.profile.picture.path)
    broken = path.read_bytes()[:2000]  # a header that passes the form, and half of the rest
    path.write_bytes(broken)
    with pytest.raises(BrokenPicture):
        resize_profile_image(user.profile, last_try=False)
    profile = reloaded(user)
    assert profile.picture_state == "failed"
    assert "truncated" in profile.picture_error
    assert path.read_bytes() == broken


def test_work_that_will_be_tried_again_is_told_from_work_that_failed(user, broken_mail):
    def states_after(last_try):
        with pytest.raises(OSError, match="asleep"):
            send_welcome_email(user, last_try=last_try)
        with pytest.raises(FileNotFoundError):
            resize_profile_image(reloaded(user), last_try=last_try)
        profile = reloaded(user)
        return profile.welcome_state, profile.picture_state, profile.is_done

    Path(user.profile.picture.path).unlink()
    assert states_after(last_try=False) == ("retrying", "retrying", False)
    assert states_after(last_try=True) == ("failed", "failed", True)
    assert states_after(last_try=False) == (
        "retrying",
        "retrying",
        False,
    )  # somebody had it retried


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
    assert reloaded(user).picture_state == "failed"


def test_thumbnail_that_was_stored_in_part_is_not_kept(user, media_root, monkeypatch):
    class HalfWritten(ContentFile):
        def chunks(self, chunk_size=None):
            yield self.read(10)
            raise OSError("No space left on device")

    monkeypatch.setattr(services, "make_thumbnail", lambda picture: HalfWritten(b"x" * 1000))
    with pytest.raises(OSError, match="No space left"):
        resize_profile_image(user.profile)
    assert reloaded(user).picture_error == "No space left on device"
    assert list((media_root / "thumbnails").iterdir()) == []


def test_failure_of_a_picture_is_not_laid_to_the_one_that_replaced_it(user, monkeypatch):
    def fail(picture):
        Profile.objects.filter(user=user).update(picture="pictures/another.jpeg")
        raise OSError("no such file")

    monkeypatch.setattr(services, "make_thumbnail", fail)
    with pytest.raises(OSError, match="no such file"):
        resize_profile_image(user.profile)
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
    Profile.objects.update(picture="", welcome_sent_at=timezone.now())
    resize_profile_image(reloaded(user))
    assert reloaded(user).picture_state == "none"
    assert reloaded(user).is_done


def test_worker_that_was_stopped_for_long_leaves_the_thumbnail_of_another(user, media_root):
    stopped = reloaded(user)
    resize_profile_image(user.profile)
    first = reloaded(user).thumbnail.name
    resize_profile_image(stopped)
    assert reloaded(user).thumbnail.name == first
    [path] = (media_root / "thumbnails").iterdir()
    assert path.name in first


def test_thumbnail_of_a_replaced_picture_is_thrown_away(user, media_root, monkeypatch):
    def replace_meanwhile(picture):
        Profile.objects.filter(user=user).update(picture="pictures/another.jpeg")
        return make_thumbnail(picture)

    monkeypatch.setattr(services, "make_thumbnail", replace_meanwhile)
    resize_profile_image(user.profile)
    assert list((media_root / "thumbnails").iterdir()) == []
    assert reloaded(user).thumbnail == ""
