"""A step's settings as on a public site, but over plain HTTP, because it listens here alone."""

from config.settings import *  # noqa: F403
from config.settings import MIDDLEWARE

SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = False
SECURE_HSTS_SECONDS = 0

# runserver serves style sheets by itself, no other server does.
security = MIDDLEWARE.index("django.middleware.security.SecurityMiddleware")
MIDDLEWARE = [
    *MIDDLEWARE[: security + 1],
    "whitenoise.middleware.WhiteNoiseMiddleware",
    *MIDDLEWARE[security + 1 :],
]
WHITENOISE_USE_FINDERS = True  # without collectstatic
