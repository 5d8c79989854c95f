import os
import sys
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured


class Environment(environ.Env):
    """The environment; a variable that is missing or wrong ends the process with one line.

    An empty one is missing.
    """

    ENVIRON = {name: value for name, value in os.environ.items() if value}

    def get_value(self, var, *args, **kwargs):
        try:
            return super().get_value(var, *args, **kwargs)
        except ImproperlyConfigured as error:
            sys.exit(f"settings_cluster: {error}")
        except ValueError:
            sys.exit(f"settings_cluster: {var} is wrong: {self.ENVIRON[var]!r}")

    def address(self, var, *schemes, **options):
        """Return the variable's URL, which must have one of these schemes and name a host."""
        url = self(var, **options)
        parts = urlsplit(url)
        if url and (parts.scheme not in schemes or not parts.netloc):
            sys.exit(f"settings_cluster: {var} is wrong: it must begin with {schemes[0]}://")
        return url
