"""Sign-ups and pictures to test with."""

from io import BytesIO

from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image

PASSWORD = "correct horse battery staple"


def sign_up_data(**changed):
    """Return what a visitor types into the sign-up form."""
    return {
        "username": "ada",
        "email": "ada@example.com",
        "password1": PASSWORD,
        "password2": PASSWORD,
    } | changed


def picture_content(format="JPEG", mode="RGB", size=(640, 480), **options):
    """Return the bytes of a picture of `size` pixels, saved with Pillow's `options`."""
    content = BytesIO()
    Image.linear_gradient("L").resize(size).convert(mode).save(content, format, **options)
    return content.getvalue()


def upload(content=None, name="me.jpg"):
    """Return an uploaded file with the content, a JPEG by default."""
    return SimpleUploadedFile(name, picture_content() if content is None else content)


def sign_up(client):
    """Sign up with a picture as a visitor does, and return the answer, which leads home."""
    response = client.post(reverse("sign_up"), sign_up_data() | {"picture": upload()})
    assert response.status_code == 302
    return response
