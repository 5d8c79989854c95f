"""A step's settings as on a public site, but over plain HTTP, because it listens here alone."""

from config.settings import *  # noqa: F403

SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = False
