"""The settings that the sites of all queues share."""

import sys

import environ

env = environ.Env()

SECRET_KEY = "insecure-benchmark-key"  # nothing here is served
USE_TZ = True
DATABASES = {"default": env.db("DATABASE_URL")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # as in the steps
    DATABASES["default"]["OPTIONS"] = {
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        "transaction_mode": "IMMEDIATE",
        "timeout": 60,
    }
DATABASES["default"]["CONN_MAX_AGE"] = None
BROKER_URL = env("BROKER_URL", default="")

PYTHON = sys.executable
WORKER_PROCESSES = 1  # how often WORKER is started
