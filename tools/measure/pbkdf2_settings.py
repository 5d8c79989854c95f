"""A step's settings, but with the password hasher that is Django's default. For the recording."""

from config.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
