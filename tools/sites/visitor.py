"""A visitor who signs up over HTTP, as a browser would, and the picture that they bring."""

import re
from functools import cache
from io import BytesIO
from random import Random

import requests
from PIL import Image, ImageDraw

PASSWORD = "correct horse battery staple"
PICTURE_SIZE = (4000, 3000)  # pixels: what a phone's camera makes
TIMEOUT = 120  # seconds


@cache
def make_picture(size=PICTURE_SIZE):
    """Return a JPEG of an evening by the sea, `size` pixels, always the same bytes."""
    width, height = size
    column = (1, height)  # of the sky, all of which are the same
    sky = Image.linear_gradient("L").resize(column)
    picture = Image.composite(
        Image.new("RGB", column, "#f6a560"), Image.new("RGB", column, "#2b4c7e"), sky
    ).resize(size, Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(picture)
    sun = width * 0.09
    draw.circle((width * 0.62, height * 0.52), sun, "#ffe9b0")
    draw.polygon(
        [
            (0, height * 0.5),
            (width * 0.2, height * 0.38),
            (width * 0.55, height * 0.66),
            (0, height),
        ],
        "#3b3355",
    )
    draw.rectangle((0, height * 0.64, width, height), "#1d4e6b")
    for row in range(24):
        y = height * (0.66 + 0.34 * row / 24)
        half = sun * (1 + 0.4 * (row % 3)) * (1 - row / 40)
        draw.line(
            (width * 0.62 - half, y, width * 0.62 + half, y), "#f3c98b", max(1, height // 250)
        )
    grain = Image.frombytes("L", (800, 600), Random(1).randbytes(800 * 600))
    grain = grain.resize(size).convert("RGB")
    content = BytesIO()
    Image.blend(picture, grain, 0.05).save(content, "JPEG", quality=90)
    return content.getvalue()


class SignUpRefused(Exception):
    """The sign-up did not lead to a profile; the text says why."""


class Visitor:
    """A visitor of one step's site, with cookies of their own."""

    def __init__(self, url, username):
        self.url = url
        self.username = username
        self.email = f"{username}@example.com"
        self.session = requests.Session()
        self.session.trust_env = False  # no proxy leads to this machine

    def get(self, path, **options):
        return self.session.get(self.url + path, timeout=TIMEOUT, **options)

    def token(self, path):
        """Return the CSRF token of a page's form; its cookie is in the session."""
        [token] = set(re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', self.get(path).text))
        return token

    def post(self, path, data, **options):
        """Return the answer to a form that was first fetched, with its CSRF token."""
        return self.session.post(
            self.url + path,
            data=data | {"csrfmiddlewaretoken": self.token(path)},
            timeout=TIMEOUT,
            **options,
        )

    def sign_up(self, picture=None, **changed):
        """Return the answer to a sign-up, which is a redirect when it succeeded."""
        data = {
            "username": self.username,
            "email": self.email,
            "password1": PASSWORD,
            "password2": PASSWORD,
        }
        files = {"picture": ("me.jpg", picture)} if picture is not None else None
        return self.post("/signup/", data | changed, files=files, allow_redirects=False)

    def thumbnail(self):
        """Return the visitor's thumbnail as a picture, or None while there is none."""
        response = self.get("/thumbnail/")
        return Image.open(BytesIO(response.content)) if response.ok else None
