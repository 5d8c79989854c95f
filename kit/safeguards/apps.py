import logging

from django.apps import AppConfig


class SafeguardsConfig(AppConfig):
    name = "safeguards"

    def ready(self):
        logging.getLogger("django.server").addFilter(make_printable)


def make_printable(record):
    """Keep a visitor's escape sequences off the terminal in which runserver shows requests."""
    record.args = tuple(
        part.encode("unicode_escape").decode() if isinstance(part, str) else part
        for part in record.args
    )
    return True
