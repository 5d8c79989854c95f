"""Step 5 on several machines: all that differs is here, and all of it is in the environment."""

import os
from socket import gethostname

from botocore.config import Config
from environ import Env
from redis import ConnectionPool

from cluster.environment import Environment

os.environ["DEBUG"] = "off"  # whatever it was
given = Environment()
SECRET_KEY, ALLOWED_HOSTS = given("SECRET_KEY"), given.list("ALLOWED_HOSTS")
for number in ["EMAIL_PORT", "OUTBOX_LEASE_SECONDS", "OUTBOX_MAX_ATTEMPTS"]:
    given.int(number, default=1)  # settings.py, which reads them, would not name a wrong one

from .settings import *  # noqa: E402, F403
from .settings import HUEY, INSTALLED_APPS, LOGGING, MIDDLEWARE, SILENCE_SECONDS  # noqa: E402

INSTALLED_APPS += ["cluster"]
ROOT_URLCONF = "config.urls_cluster"
MIDDLEWARE.insert(2, "whitenoise.middleware.WhiteNoiseMiddleware")  # after SecurityMiddleware
WHITENOISE_USE_FINDERS = True  # the apps' static files, without collecting them

# Each thread of a server would keep a connection of its own; PostgreSQL has 100.
DATABASES = {"default": Env.db_url_config(given.address("DATABASE_URL", "postgres", "postgresql"))}
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"].setdefault("OPTIONS", {}).update(
    pool={"min_size": 1, "max_size": 8, "timeout": 5},
    connect_timeout=3,
    options="-c statement_timeout=10s -c idle_in_transaction_session_timeout=30s",
)

HUEY_URL = given.address("HUEY_URL", "redis", "rediss", "postgres", "postgresql")
ON_REDIS = HUEY_URL.startswith("redis")
HUEY |= {"consumer": {"workers": given.int("HUEY_WORKERS", default=2)}}  # without the polling
del HUEY["filename"]
if ON_REDIS:
    # Silent for longer than Huey's own wait of a second: not there.
    pool = ConnectionPool.from_url(HUEY_URL, socket_timeout=2, socket_connect_timeout=2)
    HUEY |= {"huey_class": "huey.RedisHuey", "connection_pool": pool}
else:  # its tables are made by: manage.py create_huey_tables
    HUEY |= {"huey_class": "huey.PostgresHuey", "dsn": HUEY_URL, "create_tables": False}

client_config = Config(
    connect_timeout=SILENCE_SECONDS,
    read_timeout=SILENCE_SECONDS,
    retries={"mode": "standard", "max_attempts": 2},
    s3={"addressing_style": "path"},
)
STORAGES = {
    "default": {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {  # the keys are boto3's own: AWS_ACCESS_KEY_ID, or the machine's role
            "bucket_name": given("MEDIA_BUCKET"),
            "endpoint_url": given.address("MEDIA_URL", "http", "https", default="") or None,
            "region_name": given("AWS_REGION", default="us-east-1"),
            "client_config": client_config,
        },
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST = given("EMAIL_HOST")
EMAIL_HOST_USER = given("EMAIL_HOST_USER", default="")
EMAIL_HOST_PASSWORD = given("EMAIL_HOST_PASSWORD", default="")
EMAIL_USE_TLS = given.bool("EMAIL_USE_TLS", default=False)

# The page's timeline is drawn from what all machines have logged; the files stay.
TIMINGS_URL = given.address("TIMINGS_URL", "redis", "rediss", default=HUEY_URL if ON_REDIS else "")
LOGGING["formatters"]["json"]["static_fields"]["host"] = given("HOST", default=gethostname())
if TIMINGS_URL:
    TIMING_RECORDS = "cluster.timings.records_in_redis"
    handler = {"()": "cluster.timings.RedisHandler", "url": TIMINGS_URL, "formatter": "json"}
    LOGGING["handlers"]["timings_redis"] = handler
    LOGGING["loggers"]["timing"]["handlers"].append("timings_redis")

SECURE_REDIRECT_EXEMPT = [r"^health/"]  # load balancers ask over HTTP
if given.bool("WITHOUT_TLS", default=False):  # to try it out on one machine
    SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = False
    SECURE_HSTS_SECONDS = 0

HEALTH_TOKEN = given("HEALTH_TOKEN", default="")  # who sends it is told details
HEALTH_LATE_SECONDS = given.int("HEALTH_LATE_SECONDS", default=120)
