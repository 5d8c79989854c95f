from io import BytesIO
from pathlib import Path

import pytest
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.files.storage import default_storage
from django.db import IntegrityError, connection, transaction
from django.db.models.signals import post_save
from django.test.utils import CaptureQueriesContext
from PIL import Image

from accounts import pictures
from accounts.forms import SignUpForm
from accounts.models import Profile, User

from .factories import picture_content, sign_up_data, upload


def sign_up_form(picture=None, **changed):
    return SignUpForm(sign_up_data(**changed), {"picture": picture} if picture else {})


def files_in(folder):
    return [path for path in Path(folder).rglob("*") if path.is_file()]


def mpo():
    content = BytesIO()
    first, second = Image.new("RGB", (40, 30)), Image.new("RGB", (40, 30))
    first.save(content, "MPO", save_all=True, append_images=[second])
    return content.getvalue()


def test_user_and_profile_are_saved_without_a_picture(db):
    user = sign_up_form().save()
    assert user.check_password(sign_up_data()["password1"])
    assert str(user.profile) == "Profile of ada"
    assert user.profile.picture_state == "none"
    assert user.profile.welcome_state == "waiting"


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_picture_is_stored_unchanged_under_a_generated_name(db, media_root, format):
    content = picture_content(format)
    form = sign_up_form(upload(content, name="../../me.html"))
    assert form.is_valid(), form.errors
    assert form.cleaned_data["picture"].read() == content
    picture = form.save().profile.picture
    assert files_in(media_root) == [Path(picture.path)]
    assert Path(picture.path).read_bytes() == content
    assert "me" not in Path(picture.name).stem
    assert Path(picture.name).suffix == f".{format.lower()}"


def test_photo_of_a_phone_with_two_pictures_in_it_is_accepted(db):
    form = sign_up_form(upload(mpo()))
    assert form.is_valid(), form.errors


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(picture_content("GIF"), id="gif"),
        pytest.param(picture_content("BMP"), id="bmp"),
        pytest.param(picture_content("TIFF"), id="tiff"),
        pytest.param(picture_content("EPS"), id="eps-would-start-ghostscript"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", id="svg"),
        pytest.param(b"<script>alert(1)</script>", id="html"),
        pytest.param(b"", id="empty"),
        pytest.param(picture_content("PNG")[:1000], id="half-a-png"),
        pytest.param(picture_content("JPEG")[:20], id="half-a-jpeg"),
        pytest.param(picture_content("WEBP")[:40], id="half-a-webp"),
    ],
)
def test_anything_else_is_refused_at_the_field(db, content):
    form = sign_up_form(upload(content))
    assert list(form.errors) == ["picture"]


def test_picture_with_too_many_bytes_is_refused(db, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_BYTES", 1000)
    form = sign_up_form(upload())
    assert "at most 1000\xa0bytes" in form.errors["picture"][0]


def test_picture_above_pillows_own_limit_is_refused(db, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    form = sign_up_form(upload())
    assert form.errors == {"picture": ["The picture has too many pixels."]}


def test_username_with_a_newline_is_refused(db):
    # It would end up in the subject of the welcome mail.
    assert list(sign_up_form(username="ada\nBcc: eve@example.com").errors) == ["username"]


@pytest.mark.parametrize(
    "email",
    ["", "ada", "ada@example.com\nBcc: eve@example.com", "a@b"]
    + [f'"a{control}b"@example.com' for control in "\x0b\x0c\x1c\x1d\x1e\x7f"],
)
def test_bad_address_is_refused(db, email):
    assert list(sign_up_form(email=email).errors) == ["email"]


def test_common_password_is_refused(db):
    form = sign_up_form(password1="password123", password2="password123")
    assert list(form.errors) == ["password2"]


def test_address_is_unique_without_regard_to_case(user):
    form = sign_up_form(username="other", email="ADA@Example.com")
    assert form.errors == {"email": ["A user with that e-mail address already exists."]}


def test_username_is_unique_without_regard_to_case(user):
    form = sign_up_form(username="ADA", email="other@example.com")
    assert form.errors == {"username": ["A user with that username already exists."]}


def test_username_and_address_that_are_taken_are_told_apart(user):
    form = sign_up_form(username="ADA", email="ADA@Example.com")
    assert list(form.errors) == ["username", "email"]


@pytest.mark.parametrize("others", [{}, {NON_FIELD_ERRORS: ValidationError("taken", code="email")}])
def test_error_that_django_puts_at_a_field_stays_there(monkeypatch, others):
    def fail(user, exclude):
        raise ValidationError({"username": "reserved"} | others)

    monkeypatch.setattr(AbstractUser, "validate_constraints", fail)
    with pytest.raises(ValidationError) as raised:
        User().validate_constraints()
    expected = {"username": ["reserved"]} | ({"email": ["taken"]} if others else {})
    assert raised.value.message_dict == expected


@pytest.mark.parametrize("field", ["username", "email"])
def test_database_refuses_the_same_in_another_case(user, field):
    other = {"username": "other", "email": "other@example.com"}
    with pytest.raises(IntegrityError):
        User.objects.create_user(**other | {field: getattr(user, field).upper()})


def test_several_users_may_have_no_address(db):
    for name in ["ada", "grace"]:
        User(username=name, password="!").validate_constraints()
        User.objects.create_user(name)
    assert User.objects.filter(email="").count() == 2


@pytest.mark.parametrize("field", ["username", "email"])
def test_search_for_what_is_taken_uses_the_index(db, field):
    with CaptureQueriesContext(connection) as queries:
        sign_up_form().is_valid()
    [query] = [q["sql"] for q in queries if f'"{field}") = (LOWER(' in q["sql"]]
    plan = connection.cursor().execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
    assert f"USING INDEX user_{field}_unique" in str(plan)


def test_form_without_commit_saves_nothing(db, media_root):
    form = sign_up_form(upload())
    assert form.is_valid()
    user = form.save(commit=False)
    assert user.check_password(sign_up_data()["password1"])
    assert not User.objects.exists()
    assert files_in(media_root) == []


@pytest.mark.django_db(transaction=True)
def test_password_is_hashed_before_the_transaction_begins(monkeypatch):
    in_transaction = []
    set_password = User.set_password

    def spy(user, password):
        in_transaction.append(connection.in_atomic_block)
        set_password(user, password)

    monkeypatch.setattr(User, "set_password", spy)
    sign_up_form().save()
    assert set(in_transaction) == {False}


@pytest.mark.django_db(transaction=True)
def test_user_without_profile_is_not_saved(monkeypatch, media_root):
    def fail(*args, **kwargs):
        raise RuntimeError("no profile")

    monkeypatch.setattr(Profile, "save", fail)
    form = sign_up_form(upload())
    assert form.is_valid()
    with pytest.raises(RuntimeError):
        form.save()
    assert not User.objects.exists()
    assert files_in(media_root) == []


@pytest.mark.django_db(transaction=True)
def test_user_whose_picture_cannot_be_stored_is_not_saved(monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr(default_storage, "save", fail)
    form = sign_up_form(upload())
    assert form.is_valid()
    with pytest.raises(OSError, match="No space"):
        form.save()
    assert not User.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_picture_of_a_user_who_could_not_be_saved_is_not_kept(media_root):
    stored = []

    def fail(instance, **kwargs):
        if instance.picture:
            stored.extend(files_in(media_root))
            raise RuntimeError("the database's disk is full")

    form = sign_up_form(upload())
    assert form.is_valid()
    post_save.connect(fail, sender=Profile)
    try:
        with pytest.raises(RuntimeError):
            form.save()
    finally:
        post_save.disconnect(fail, sender=Profile)
    assert len(stored) == 1
    assert files_in(media_root) == []
    assert not User.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_picture_of_a_user_who_was_saved_is_kept_whatever_fails_after_the_commit(media_root):
    def fail_after_the_commit(**kwargs):
        transaction.on_commit(lambda: 1 / 0)

    form = sign_up_form(upload())
    assert form.is_valid()
    post_save.connect(fail_after_the_commit, sender=User)
    try:
        with pytest.raises(ZeroDivisionError):
            form.save()
    finally:
        post_save.disconnect(fail_after_the_commit, sender=User)
    assert files_in(media_root) == [Path(Profile.objects.get().picture.path)]


@pytest.mark.django_db(transaction=True)
def test_no_transaction_waits_for_the_storage(monkeypatch):
    in_transaction = []
    save = default_storage.save

    def spy(*args, **kwargs):
        in_transaction.append(connection.in_atomic_block)
        return save(*args, **kwargs)

    monkeypatch.setattr(default_storage, "save", spy)
    form = sign_up_form(upload())
    assert form.is_valid()
    form.save()
    assert set(in_transaction) == {False}


@pytest.mark.django_db(transaction=True)
def test_sign_up_that_loses_a_race_leaves_nothing_behind(media_root):
    loser = sign_up_form(upload(), email="loser@example.com")
    assert loser.is_valid()
    sign_up_form().save()
    with pytest.raises(IntegrityError):
        loser.save()
    assert [user.email for user in User.objects.all()] == ["ada@example.com"]
    assert files_in(media_root) == []
