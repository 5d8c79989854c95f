from pathlib import Path
from urllib.parse import quote

import environ
from timing import logging_config

env = environ.Env()

BASE_DIR = Path(__file__).resolve().parent.parent
STEP = BASE_DIR.name

# Everything that a running step writes: database, pictures, logs.
VAR_DIR = Path(env("VAR_DIR", default=BASE_DIR / "var"))
VAR_DIR.mkdir(parents=True, exist_ok=True)

# Dangerous, but on by default for the workshop. DEBUG=off leaves no insecure default below.
DEBUG = env.bool("DEBUG", default=True)
SECRET_KEY = env("SECRET_KEY", default="insecure-workshop-key") if DEBUG else env("SECRET_KEY")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
# Behind a proxy that speaks HTTPS for the site, for example an editor in the browser.
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SECURE_HSTS_SECONDS = 0 if DEBUG else 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = not DEBUG
# Preloading is for the owner of the whole domain to decide.
SILENCED_SYSTEM_CHECKS = ["security.W021"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "accounts",
    "safeguards",
    "timing",
]

MIDDLEWARE = [
    "timing.middleware.SignUpClockMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
            ]
        },
    }
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": VAR_DIR / "db.sqlite3",
        "TEST": {"NAME": VAR_DIR / "test.sqlite3"},
        # WAL pays only with connections that stay open: the last one to close checkpoints.
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            # Wait for the write lock when a transaction begins, or it may fail in the middle.
            "transaction_mode": "IMMEDIATE",
            # Seconds. SQLite has no queue for waiting writers; the next to retry gets the lock.
            "timeout": 60,
        },
    }
}

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"

# Browsers keep cookies by host, not by port: without names of their own, the steps on one laptop
# would log each other out. quote() because a folder's name may have what a cookie's may not.
SESSION_COOKIE_NAME = f"{quote(STEP)}_sessionid"
CSRF_COOKIE_NAME = f"{quote(STEP)}_csrftoken"

TIME_ZONE = "UTC"
STATIC_URL = "static/"
MEDIA_ROOT = VAR_DIR / "media"

# The kit's README says what each of these protects from.
PASSWORD_HASHERS = ["safeguards.hashers.Argon2idPasswordHasher"]
DEFAULT_EXCEPTION_REPORTER_FILTER = "safeguards.errors.PasswordFilter"
FILE_UPLOAD_HANDLERS = [
    "safeguards.uploads.NamelessUploadHandler",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "safeguards.uploads.TidyUploadHandler",
]

# Mails are printed while DEBUG is on, and otherwise sent over SMTP.
EMAIL_BACKEND = env(
    "EMAIL_BACKEND",
    default=f"{'django.core.mail.backends.console' if DEBUG else 'safeguards.mail'}.EmailBackend",
)
EMAIL_HOST = env("EMAIL_HOST", default="localhost")
EMAIL_PORT = env.int("EMAIL_PORT", default=25)
DEFAULT_FROM_EMAIL = "welcome@example.com"

JOKE_API_URL = env("JOKE_API_URL", default="https://icanhazdadjoke.com/")

# Seconds that a server may be silent, and that a whole conversation with it may take.
SILENCE_SECONDS = env.float("SILENCE_SECONDS", default=5.0)
CONVERSATION_SECONDS = env.float("CONVERSATION_SECONDS", default=10.0)
EMAIL_TIMEOUT = SILENCE_SECONDS  # Django's default is to wait for ever

# Seconds that every resize sleeps first, standing in for a heavier job than a thumbnail.
SIMULATED_RESIZE_SECONDS = env.float("SIMULATED_RESIZE_SECONDS", default=5.0)

LOGGING = logging_config(VAR_DIR, STEP)
