import re
import tempfile
from io import BytesIO

import pytest
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.db import IntegrityError
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts.forms import SignUpForm
from accounts.models import Profile, User
from accounts.services import resize_profile_image, send_welcome_email

from .factories import PASSWORD, picture_content, sign_up, sign_up_data, upload


def test_stranger_sees_the_landing_page(client, db):
    assertContains(client.get("/"), reverse("sign_up"))


def test_sign_up_form_asks_for_a_picture(client, db):
    page = client.get(reverse("sign_up"))
    assert "no-store" in page["Cache-Control"]  # or Back would show it to somebody signed in
    assertContains(page, 'type="file"')
    assertContains(page, 'accept="image/jpeg,image/png,image/webp"')
    assertContains(page, "Profile picture")
    assertContains(page, "at most 20.0\xa0MB")
    assert client.head(reverse("sign_up")).status_code == 200


def test_invalid_form_keeps_what_was_typed_and_saves_nothing(client, db, media_root):
    data = sign_up_data(password2="another") | {"picture": upload()}
    response = client.post(reverse("sign_up"), data)
    assertContains(response, 'value="ada@example.com"')
    assertContains(response, "The two password fields didn’t match.")
    assert not User.objects.exists()
    assert list(media_root.iterdir()) == []


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("username", {"email": "other@example.com"}),
        ("email", {"username": "other"}),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_lost_race_is_an_error_at_the_field(client, monkeypatch, field, changed):
    is_valid = SignUpForm.is_valid

    def is_valid_until_somebody_else_is_faster(form):
        if not User.objects.exists():
            assert is_valid(form)
            SignUpForm(sign_up_data()).save()
            return True
        return is_valid(form)

    monkeypatch.setattr(SignUpForm, "is_valid", is_valid_until_somebody_else_is_faster)
    data = sign_up_data(**changed) | {"picture": upload()}
    response = client.post(reverse("sign_up"), data)
    assert response.status_code == 200
    assert list(response.context["form"].errors) == [field]
    assertContains(response, "Choose your picture again")
    assert User.objects.count() == 1


def test_who_is_signed_in_is_told_so_and_may_log_out(client, db):
    sign_up(client)
    for answer in [client.get(reverse("sign_up")), client.post(reverse("sign_up"), sign_up_data())]:
        assertContains(answer, "You are signed in as ada")
    [back] = re.findall(r'name="next" value="(.*)"', answer.content.decode())
    assertRedirects(client.post(reverse("logout"), {"next": back}), reverse("sign_up"))
    assertContains(client.get(back), 'type="file"')


@pytest.mark.parametrize("name", [".", "..", "\\", "me.jpg&#47;", "\x01"])
@pytest.mark.django_db
def test_picture_may_have_a_name_that_is_none(client, name):
    picture = BytesIO(picture_content())
    picture.name = name
    client.post(reverse("sign_up"), sign_up_data() | {"picture": picture})
    assert Profile.objects.get().picture


@pytest.mark.django_db
def test_large_picture_may_have_a_name_of_any_length(client):
    picture = BytesIO(picture_content() + bytes(3_000_000))  # goes by way of a temporary file
    picture.name = "me." + "j" * 300  # Django's own files would shorten it
    data = sign_up_data() | {"picture": picture}
    assert client.post(reverse("sign_up"), data).status_code == 302


@pytest.mark.django_db
def test_large_picture_that_the_disk_has_no_room_for_leaves_no_file(client, monkeypatch, tmp_path):
    def fail(handler, raw_data, start):
        raise OSError("No space left on device")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(TemporaryFileUploadHandler, "receive_data_chunk", fail)
    data = sign_up_data() | {"picture": upload(bytes(3_000_000))}
    with pytest.raises(OSError, match="No space left"):
        client.post(reverse("sign_up"), data)
    assert list(tmp_path.iterdir()) == []


def test_invalid_form_says_that_the_picture_is_to_be_chosen_again(client, db):
    data = sign_up_data(password2="another") | {"picture": upload()}
    assertContains(client.post(reverse("sign_up"), data), "Choose your picture again")


def test_database_error_that_is_no_lost_race_is_not_hidden(client, db, monkeypatch):
    def fail(form):
        raise IntegrityError("CHECK constraint failed")

    monkeypatch.setattr(SignUpForm, "save", fail)
    with pytest.raises(IntegrityError):
        client.post(reverse("sign_up"), sign_up_data())


def test_visitor_can_log_in_and_out(client, user):
    assertContains(client.get(reverse("login")), "Log in</button>")
    response = client.post(reverse("login"), {"username": "ada", "password": PASSWORD})
    assertRedirects(response, reverse("home"))
    assertContains(client.get("/"), "ada@example.com")
    assertRedirects(client.post(reverse("logout")), reverse("home"))
    assertContains(client.get("/"), "Log in")


def test_profile_shows_what_is_still_to_do(client, user):
    client.force_login(user)
    response = client.get("/")
    assertContains(response, "not resized yet")
    assertContains(response, "not sent yet")
    assert "no-store" in response["Cache-Control"]
    assert client.get(reverse("thumbnail")).status_code == 404


def test_profile_shows_what_failed_and_why(client, user):
    failed = {"picture_error": "truncated", "welcome_error": "refused"}
    if hasattr(Profile, "welcome_failed_at"):  # in a step that tries again
        failed |= {"picture_failed_at": timezone.now(), "welcome_failed_at": timezone.now()}
    Profile.objects.filter(user=user).update(**failed)
    client.force_login(user)
    response = client.get("/")
    assertContains(response, "not resized: truncated")
    assertContains(response, "not sent: refused")
    assertNotContains(response, "live.js")  # nothing will change any more


def test_profile_shows_where_the_time_went_as_bars_and_as_a_table(client, db):
    sign_up(client)
    response = client.get("/")
    assertContains(response, 'class="bar event-hash-password done"')
    assertContains(response, '<th scope="row">hash password</th>')
    assertContains(response, "You waited")


def test_profile_of_long_ago_has_no_timeline(client, user):
    client.force_login(user)  # signed up by the form alone, without a request
    assertContains(client.get("/"), "no longer in it")


def test_page_asks_for_news_until_all_is_done(client, user):
    client.force_login(user)
    assertContains(client.get("/"), "live.js")
    assertContains(client.get("/"), 'http-equiv="refresh"')
    resize_profile_image(user.profile)
    assertContains(client.get("/"), "live.js")
    send_welcome_email(user)
    assertNotContains(client.get("/"), "live.js")


def test_page_costs_three_queries(client, user, django_assert_num_queries):
    client.force_login(user)
    with django_assert_num_queries(3):  # session, user, profile
        client.get("/")


def test_user_from_elsewhere_without_a_profile_gets_a_page_and_nobody_elses(client, user):
    root = User.objects.create_user("root", "root@example.com")
    Profile.objects.filter(user=root).delete()
    client.force_login(root)
    assertContains(client.get("/"), "You have no profile")


def test_thumbnail_is_its_owners_only(client, user):
    resize_profile_image(user.profile)
    assert client.get(reverse("thumbnail")).status_code == 302
    client.force_login(User.objects.create_user("eve", "eve@example.com"))
    assert client.get(reverse("thumbnail")).status_code == 404
    client.force_login(user)
    response = client.get(reverse("thumbnail"))
    assert response["Content-Type"] == "image/jpeg"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in response["Cache-Control"]
    assert response.getvalue().startswith(b"\xff\xd8")


def test_thumbnail_without_its_file_is_not_found(client, user):
    resize_profile_image(user.profile)
    thumbnail = Profile.objects.get().thumbnail
    thumbnail.storage.delete(thumbnail.name)
    client.force_login(user)
    assert client.get(reverse("thumbnail")).status_code == 404


@pytest.mark.parametrize("name", ["home", "sign_up", "thumbnail"])
def test_other_methods_are_refused(client, user, name):
    if name != "sign_up":
        client.force_login(user)
    assert client.put(reverse(name)).status_code == 405
