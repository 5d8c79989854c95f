"""Step 5's settings on several machines. The environment has the differences between sites."""

import os
import sys
from pathlib import Path
from socket import gethostname

from botocore.config import Config
from environ import Env
from redis import ConnectionPool

from cluster.environment import above_0, address, check_what_settings_read, given, switch

os.environ["DEBUG"] = "off"  # whatever it was
check_what_settings_read()
from .settings import *  # noqa: E402, F403
from .settings import HUEY, INSTALLED_APPS, LOGGING, MIDDLEWARE, SILENCE_SECONDS  # noqa: E402

INSTALLED_APPS += ["cluster"]
ROOT_URLCONF = "config.urls_cluster"
MIDDLEWARE.insert(2, "whitenoise.middleware.WhiteNoiseMiddleware")  # after SecurityMiddleware
WHITENOISE_USE_FINDERS = True  # the apps' static files, without collecting them

# Requests, for /metrics/, from the clock on to the view.
INSTALLED_APPS += ["django_prometheus"]
MIDDLEWARE.insert(1, "django_prometheus.middleware.PrometheusBeforeMiddleware")
MIDDLEWARE.append("django_prometheus.middleware.PrometheusAfterMiddleware")

HUEY_WORKERS = given("HUEY_WORKERS", 2, above_0(int))

# Each thread of a server would keep a connection of its own; PostgreSQL has 100.
POOL_SIZE = given("DATABASE_POOL_SIZE", max(8, HUEY_WORKERS), above_0(int))
# A server that doesn't even confirm that it received something is given up after 5 s.
NETWORK_LIMITS = {
    "connect_timeout": 3,
    "tcp_user_timeout": 5000,  # milliseconds: for what was sent
    "keepalives_idle": 3,  # and every second from then on, while nothing is sent
    "keepalives_interval": 1,
    "keepalives_count": 2,
}
DATABASE_URL = given("DATABASE_URL", kind=address("postgres", "postgresql"))
DATABASES = {"default": Env.db_url_config(DATABASE_URL) | {"CONN_HEALTH_CHECKS": True}}
DATABASES["default"].setdefault("OPTIONS", {}).update(
    NETWORK_LIMITS, pool={"min_size": 1, "max_size": POOL_SIZE, "timeout": 5}
)
# Visitors don't wait for manage.py's commands, which may take longer, all but the consumer.
if sys.argv[1:2] == ["run_huey"] or Path(sys.argv[0]).name != "manage.py":
    DATABASES["default"]["OPTIONS"]["options"] = (
        "-c statement_timeout=10s -c idle_in_transaction_session_timeout=30s"
    )

HUEY_URL = given("HUEY_URL", kind=address("redis", "rediss", "postgres", "postgresql"))
ON_REDIS = HUEY_URL.startswith("redis")
HUEY = {name: value for name, value in HUEY.items() if name not in {"filename", "fsync"}}
HUEY["consumer"] = {"workers": HUEY_WORKERS}  # without the polling
if ON_REDIS:
    # A server that is silent for longer than Huey's own wait of a second is down.
    pool = ConnectionPool.from_url(HUEY_URL, socket_timeout=2, socket_connect_timeout=2)
    HUEY |= {"huey_class": "huey.RedisHuey", "connection_pool": pool}
else:  # its tables are made by: manage.py create_huey_tables
    HUEY |= {"huey_class": "huey.PostgresHuey", "dsn": HUEY_URL, "create_tables": False}
    HUEY |= NETWORK_LIMITS

STORAGES = {
    "default": {"BACKEND": "storages.backends.s3.S3Storage"},  # its keys: AWS_ACCESS_KEY_ID
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
AWS_STORAGE_BUCKET_NAME = given("MEDIA_BUCKET")
AWS_S3_ENDPOINT_URL = given("MEDIA_URL", "", address("http", "https")) or None
AWS_S3_REGION_NAME = given("AWS_REGION", "us-east-1")
AWS_S3_CLIENT_CONFIG = Config(
    connect_timeout=SILENCE_SECONDS,
    read_timeout=SILENCE_SECONDS,
    retries={"mode": "standard", "max_attempts": 2},
    s3={"addressing_style": "path"},
)

EMAIL_BACKEND = "safeguards.mail.EmailBackend"
EMAIL_HOST_USER = given("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = given("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = given("EMAIL_USE_TLS", False, switch)
DEFAULT_FROM_EMAIL = given("DEFAULT_FROM_EMAIL")

# The page's timeline is drawn from the logs of all machines; the files stay.
LOGGING["formatters"]["json"]["static_fields"]["host"] = given("HOST", gethostname())
if TIMINGS_URL := given("TIMINGS_URL", HUEY_URL if ON_REDIS else "", address("redis", "rediss")):
    TIMING_RECORDS = "cluster.timings.records_in_redis"
    handler = {"()": "cluster.timings.RedisHandler", "url": TIMINGS_URL, "formatter": "json"}
    LOGGING["handlers"]["timings_redis"] = handler
    LOGGING["loggers"]["timing"]["handlers"].append("timings_redis")

HEALTH_TOKEN = given("HEALTH_TOKEN", "")  # whose sender is told details, and the metrics
HEALTH_LATE_SECONDS = given("HEALTH_LATE_SECONDS", 120, above_0(int))
SECURE_REDIRECT_EXEMPT = [r"^(health|metrics)/"]  # who asks inside asks over HTTP
if given("WITHOUT_TLS", False, switch):  # to try it out on one machine
    SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = False
    SECURE_HSTS_SECONDS = 0
