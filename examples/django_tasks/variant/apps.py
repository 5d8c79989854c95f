from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"  # step 4's, with other receivers

    def ready(self):
        from . import signals  # noqa: F401  importing it connects the receivers
