from django.apps import AppConfig
from django.conf import settings
from django.core.checks import Error, register
from django.utils.module_loading import import_string


class OutboxConfig(AppConfig):
    name = "outbox"

    def ready(self):
        register(check_settings)


def check_settings(app_configs, **kwargs):
    errors = []
    for name in ["OUTBOX_LEASE_SECONDS", "OUTBOX_MAX_ATTEMPTS"]:
        if not isinstance(value := getattr(settings, name, 0), int | float) or value <= 0:
            errors.append(Error(f"{name} must be a number above 0.", id="outbox.E001"))
    for work, path in getattr(settings, "OUTBOX_WORK", {"": ""}).items():
        try:
            import_string(path)
        except Exception as error:  # importing a module can raise anything
            errors.append(Error(f"OUTBOX_WORK[{work!r}]: {error}.", id="outbox.E002"))
    return errors
