"""Run a step's manage.py."""

import os
import subprocess
import sys
from collections import defaultdict
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

from .addresses import forwarded, names
from .catalogue import ROOT
from .processes import StartError

# The joke API and the mail server of this machine are reached without a proxy, or a certificate.
MISLEADING = {"ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}
MISLEADING |= {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
databases = {}  # new ones, as bytes, by their schema
one_at_a_time = defaultdict(Lock)


def step_environment(step, standins, var_dir=None, port=None, **variables):
    """Return the environment that points a step at the stand-ins, and lets it listen on `port`.

    The step writes to `var_dir`, or to its own var/ without one. `variables` are further ones.
    """
    paths = str(variables.get("PYTHONPATH") or os.environ.get("PYTHONPATH", ""))
    hosts, origins = names(standins.host), []
    if name := forwarded(port):
        hosts.append(name)
        # It speaks HTTPS to the browser and HTTP to us, and may call us localhost.
        origins = [f"https://{name}", f"https://localhost:{port}"]
    return (
        {name: value for name, value in os.environ.items() if name.upper() not in MISLEADING}
        | {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DEBUG": "on",
            "VAR_DIR": str(var_dir or step.folder / "var"),
            "JOKE_API_URL": standins.joke_url,
            "EMAIL_BACKEND": "safeguards.mail.EmailBackend",
            "EMAIL_HOST": standins.smtp_host,
            "EMAIL_PORT": str(standins.smtp_port),
            "ALLOWED_HOSTS": with_the_callers("ALLOWED_HOSTS", hosts),
            "CSRF_TRUSTED_ORIGINS": with_the_callers("CSRF_TRUSTED_ORIGINS", origins),
            "PYTHONUNBUFFERED": "1",
        }
        | {name: str(value) for name, value in variables.items()}
        | {"PYTHONPATH": os.pathsep.join(filter(None, [paths, str(ROOT)]))}  # for runserver
    )


def with_the_callers(variable, values):
    """Return values for a variable, with those that an editor in the browser may have set."""
    return ",".join(filter(None, [*values, os.environ.get(variable)]))


def manage(*arguments):
    """Return the command that runs a step's manage.py with the arguments."""
    return [sys.executable, "manage.py", *arguments]


def migrate(step, environment):
    """Bring the step's database up to date; raise StartError with Django's words if that fails."""
    manage_once(step, environment, "migrate", "--verbosity=0")


def manage_once(step, environment, *arguments):
    """Run a command of manage.py; raise StartError with its last words if that fails."""
    result = subprocess.run(
        manage(*arguments),
        cwd=step.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if result.returncode:
        last_line = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise StartError(f"{step.name}: manage.py {arguments[0]} failed: {last_line}")


def new_database(step):
    """Return a new database of the step as bytes, for a copy is made faster than it is migrated.

    Steps with the same settings and migrations share it, and so do all processes that are told of
    the same folder by NEW_DATABASES. Raises StartError as migrate() does.
    """
    schema = schema_of(step.folder)
    with one_at_a_time[schema], TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        kept = Path(os.environ.get("NEW_DATABASES", folder), f"{schema}.sqlite3")
        if schema not in databases:
            if not kept.exists():
                settings = {"DJANGO_SETTINGS_MODULE": "config.settings", "DEBUG": "on"}
                migrate(step, os.environ | settings | {"VAR_DIR": folder})
                Path(folder, "db.sqlite3").replace(kept)
            databases[schema] = kept.read_bytes()
        return databases[schema]


def schema_of(folder):
    """Return a hash of all that the new database of a step in this folder hangs on."""
    patterns = ["*/migrations/*.py", "config/settings.py"]
    paths = [path for pattern in patterns for path in folder.glob(pattern)]
    return sha256(b"".join(path.read_bytes() for path in sorted(paths))).hexdigest()
