"""The upload handlers, the filter of error pages and the hasher, with a view around them."""

import logging
from io import BytesIO

import pytest
from django.contrib.auth.forms import BaseUserCreationForm
from django.contrib.auth.hashers import identify_hasher, make_password
from django.contrib.auth.models import User
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from each_step.factories import PASSWORD
from each_step.factories import picture_content as picture
from safeguards.hashers import Argon2idPasswordHasher


def data(content, name="me.jpg"):
    upload = BytesIO(content)
    upload.name = name
    return {"username": "ada", "password1": PASSWORD, "password2": PASSWORD, "picture": upload}


@pytest.mark.parametrize("name", [".", "..", "\\", "me.jpg&#47;", "\x01", "me." + "j" * 300])
@pytest.mark.parametrize("size", [0, 3_000_000], ids=["in memory", "in a temporary file"])
def test_picture_may_have_any_name(client, db, name, size):
    response = client.post("/", data(picture() + bytes(size), name=name))
    assert response.status_code == 200
    assert response.content.endswith(b".jpeg")


def test_large_picture_that_the_disk_has_no_room_for_leaves_no_file(
    client, monkeypatch, temporary_uploads
):
    seen = []

    def fail(handler, raw_data, start):
        seen.extend(temporary_uploads.iterdir())
        raise OSError("No space left on device")

    monkeypatch.setattr(TemporaryFileUploadHandler, "receive_data_chunk", fail)
    with pytest.raises(OSError, match="No space left") as raised:
        client.post("/", data(bytes(3_000_000)))
    assert len(seen) == 1
    # While the exception, and with it each object of the request, is still alive.
    assert list(temporary_uploads.iterdir()) == []
    assert raised


def fail(*args, **kwargs):
    raise OSError("broken on purpose")


@pytest.mark.parametrize(
    ("owner", "name", "broken"),
    [
        pytest.param(TemporaryFileUploadHandler, "receive_data_chunk", fail, id="receiving"),
        pytest.param(BaseUserCreationForm, "clean", fail, id="checking"),
        pytest.param(Argon2idPasswordHasher, "memory_cost", 1, id="hashing"),
        pytest.param(User, "save", fail, id="saving"),
    ],
)
@pytest.mark.django_db
def test_error_page_shows_no_password(client, settings, monkeypatch, owner, name, broken):
    settings.DEBUG = True
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 0  # the picture goes by way of a temporary file
    client.raise_request_exception = False
    monkeypatch.setattr(owner, name, broken)
    response = client.post("/", data(picture()))
    assert response.status_code == 500
    page = response.content.decode()
    assert "DEFAULT_EXCEPTION_REPORTER_FILTER" in page  # it is the page that DEBUG shows
    assert PASSWORD not in page


def test_hash_has_the_parameters_that_owasp_asks_for():
    encoded = make_password(PASSWORD)
    assert encoded.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert identify_hasher(encoded).verify(PASSWORD, encoded)


def test_escape_sequence_in_a_request_is_printable():
    logger = logging.getLogger("django.server")
    place = ("server", logging.INFO, __file__, 1)
    record = logger.makeRecord(*place, '"%s" %s', ("GET /\x1b[31m HTTP/1.1", 404), None)
    assert logger.filter(record)
    assert record.getMessage() == '"GET /\\x1b[31m HTTP/1.1" 404'
