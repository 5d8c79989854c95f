from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS

INSTALLED_APPS = [
    *("variant.apps.AccountsConfig" if app == "accounts" else app for app in INSTALLED_APPS),
    "django_tasks_db",
]

# Queueing writes a row, in the transaction that the sign-up has open.
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
