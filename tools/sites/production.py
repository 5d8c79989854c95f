"""Run a step on a server that is made for production, also on Windows: Waitress.

`python workshop.py bench load` compares it with Granian, the other one that runs everywhere.
"""

import os
import secrets
import sys

from .catalogue import ROOT
from .processes import python_path
from .site import Site

SETTINGS = "tools.sites.production_settings"


def threads_for(step):
    """Return how many requests to answer at once: many if the page waits, few if it computes."""
    return 32 if step.page_waits else 2 * os.cpu_count()


def production_command(host, port, threads):
    """Return the command that serves the step in the current folder."""
    return [
        *(sys.executable, "-m", "waitress", f"--listen={host}:{port}", f"--threads={threads}"),
        "--connection-limit=1000",  # beyond its default of 100, visitors wait unanswered
        "config.wsgi:application",
    ]


def production_variables(settings=SETTINGS):
    """Return the environment variables that server and consumer need besides a step's own."""
    return {
        "DEBUG": "off",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "DJANGO_SETTINGS_MODULE": settings,
        "PYTHONPATH": python_path(ROOT),
    }


class ProductionSite(Site):
    """A step's site on that server, with as many threads as suit the step."""

    def __init__(self, *arguments, settings=SETTINGS, threads=None, **options):
        super().__init__(*arguments, **production_variables(settings), **options)
        self.threads = threads or threads_for(self.step)

    def server_command(self):
        return production_command(self.host, self.port, self.threads)
