import pytest
from django.contrib.auth.forms import BaseUserCreationForm
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.urls import reverse

from accounts.models import User
from config.hashers import Argon2idPasswordHasher

from .factories import PASSWORD, sign_up_data, upload


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
    response = client.post(reverse("sign_up"), sign_up_data() | {"picture": upload()})
    assert response.status_code == 500
    page = response.content.decode()
    assert "DEFAULT_EXCEPTION_REPORTER_FILTER" in page  # it is the page that DEBUG shows
    assert PASSWORD not in page
