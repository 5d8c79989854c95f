from pathlib import Path
from tempfile import TemporaryDirectory

from timing import logging_config

var_dir = TemporaryDirectory(ignore_cleanup_errors=True)
VAR_DIR, STEP = Path(var_dir.name), "step"
LOGGING = logging_config(VAR_DIR, STEP)

SECRET_KEY = "insecure-test-key"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "safeguards",
    "timing",
    "tests",
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
PASSWORD_HASHERS = ["safeguards.hashers.Argon2idPasswordHasher"]
DEFAULT_EXCEPTION_REPORTER_FILTER = "safeguards.errors.PasswordFilter"
FILE_UPLOAD_HANDLERS = [
    "safeguards.uploads.NamelessUploadHandler",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "safeguards.uploads.TidyUploadHandler",
]
ROOT_URLCONF = "tests.views"
STATIC_URL = "static/"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
EMAIL_TIMEOUT = 5
CONVERSATION_SECONDS = 10
