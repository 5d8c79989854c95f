"""Step 5's settings with a hash that takes next to no time, because no hash grows with the site."""

from tools.sites.production_settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
