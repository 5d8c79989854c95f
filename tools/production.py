"""Run a step on a server that is made for production, on Windows, too: Waitress.

Of the two servers that run everywhere, it was chosen by measuring.
"""

import secrets
import sys

from .catalogue import ROOT
from .sites import Site

# Most of a request is its hash, for which other threads needn't wait, but in steps 1 to 3 it is
# waiting for the joke API and the mail server.
THREADS = 32
# Waitress lets further visitors wait outside by default when it has 100.
CONNECTIONS = 1000


def production_command(host, port, threads=THREADS):
    """Return the command that serves the step in the current folder."""
    return [
        *(sys.executable, "-m", "waitress", f"--listen={host}:{port}", f"--threads={threads}"),
        *(f"--connection-limit={CONNECTIONS}", "config.wsgi:application"),
    ]


def production_variables(settings="tools.production_settings"):
    """Return the environment variables that the server and the consumer need besides."""
    return {
        "DEBUG": "off",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "DJANGO_SETTINGS_MODULE": settings,
        "PYTHONPATH": str(ROOT),
    }


class ProductionSite(Site):
    """A step's site on that server."""

    def __init__(self, *arguments, settings="tools.production_settings", **options):
        super().__init__(*arguments, **production_variables(settings), **options)

    def server_command(self):
        return production_command(self.host, self.port)
