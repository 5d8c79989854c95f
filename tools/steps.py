"""The four steps, and how their servers and consumers are started and stopped."""

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests

from .ports import free_port  # noqa: F401
from .standins import Standins
from .web import LOOPBACK, names, reachable

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60  # how long a server may take until it answers
STOP_SECONDS = 10  # how long a process may take to end by itself


class StartError(Exception):
    """Something could not be started; the text says what, and how to mend it."""


@dataclass(frozen=True)
class Step:
    """One of the four projects; `where` says in a few words where the slow work runs."""

    number: int
    name: str
    where: str
    has_consumer: bool = False

    @property
    def folder(self):
        return ROOT / self.name

    @property
    def label(self):
        return f"Step {self.number}"


STEPS = [
    Step(1, "step1_sync_signup", "in the view"),
    Step(2, "step2_signals", "in post_save receivers"),
    Step(3, "step3_threading", "mail in a thread"),
    Step(4, "step4_huey", "in Huey's workers", has_consumer=True),
]


def find_step(text):
    """Return the step that a number or a folder's name stands for; raise ValueError if none."""
    for step in STEPS:
        if text.rstrip("/\\") in (str(step.number), step.name):
            return step
    raise ValueError(f"There is no step {text!r}: the steps are 1, 2, 3 and 4.")


def step_environment(step, standins, var_dir=None):
    """Return the environment that points a step at the stand-ins.

    The step writes to `var_dir`, or to its own var/ without one.
    """
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DEBUG": "on",
        "VAR_DIR": str(var_dir or step.folder / "var"),
        "JOKE_API_URL": standins.joke_url,
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": standins.smtp_host,
        "EMAIL_PORT": str(standins.smtp_port),
        "ALLOWED_HOSTS": ",".join(f"[{n}]" if ":" in n else n for n in names(standins.host)),
        # Or requests would ask the proxy of a company's network for the joke API of this machine.
        "NO_PROXY": "*",
        "PYTHONUNBUFFERED": "1",
    }


def manage(*arguments):
    """Return the command that runs a step's manage.py with the arguments."""
    return [sys.executable, "manage.py", *arguments]


def migrate(step, environment):
    """Bring the step's database up to date; raise StartError with Django's words if that fails."""
    result = subprocess.run(
        manage("migrate", "--verbosity=0"),
        cwd=step.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if result.returncode:
        last_line = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise StartError(f"{step.name}: manage.py migrate failed: {last_line}")


def check_port_is_free(host, port):
    """Raise StartError when something listens on the port already."""
    with socket.socket() as probe:
        if os.name == "posix":  # on Windows this option would allow to take a port that is in use
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise StartError(
                f"Port {port} can't be used ({getattr(error, 'strerror', error)})."
                " Stop what listens there, or choose other ports with --base-port."
            ) from None


@contextmanager
def running(command, log_path=None, **options):
    """Start a process, and stop it with all its children at the end of the block.

    Its output goes to the file `log_path`, and is shown without one. With a log it also gets a
    process group of its own, so that Ctrl-C in the terminal reaches us alone and we stop it.
    """
    if log_path is None:
        process = psutil.Popen(command, **options)
    else:
        with log_path.open("wb") as log:
            process = psutil.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
                **options,
            )
    try:
        yield process
    except KeyboardInterrupt:
        if log_path is None:  # the terminal's Ctrl-C has reached it, too: let it finish first
            with suppress(psutil.TimeoutExpired):
                process.wait(STOP_SECONDS)
        raise
    finally:
        stop(process)


def stop(process, seconds=STOP_SECONDS):
    """Terminate a process and all its children; kill what is still there after so many seconds."""
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        family = [process]
    for member in family:
        try:
            member.terminate()
        except psutil.NoSuchProcess:
            continue
    _, alive = psutil.wait_procs(family, timeout=seconds)
    for member in alive:
        member.kill()
    psutil.wait_procs(alive, timeout=seconds)


def wait_until(is_ready, process, what, log_path=None):
    """Return when `is_ready()` is true; raise StartError if the process ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            log = log_path.read_text(encoding="utf-8", errors="replace") if log_path else ""
            last_lines = "\n  ".join(log.strip().splitlines()[-5:])
            raise StartError(f"{what} did not start. {last_lines}".strip())
        time.sleep(0.05)


def answers(url):
    """Return whether a server answers at the address."""
    with requests.Session() as session:
        session.trust_env = False  # no proxy leads to this machine
        try:
            return session.get(url, timeout=5).ok
        except requests.RequestException:
            return False


def start_standins(base_port, host=LOOPBACK):
    """Return the stand-ins, to be entered; raise StartError when their ports are in use."""
    http_port, smtp_port = base_port + 10, base_port + 25
    for port in [http_port, smtp_port]:
        check_port_is_free(host, port)
    return Standins(host, http_port=http_port, smtp_port=smtp_port)


@contextmanager
def server(step, environment, host, port, log_path):
    """Run a step's server in the background for the length of the block; yield its address."""
    check_port_is_free(host, port)
    command = manage("runserver", f"{host}:{port}", "--noreload")
    with running(command, log_path, cwd=step.folder, env=environment) as process:
        url = f"http://{reachable(host)}:{port}"
        wait_until(lambda: answers(f"{url}/"), process, f"{step.name}: the server", log_path)
        yield url


@contextmanager
def consumer(step, environment, log_path, workers=None):
    """Run a step's Huey consumer in the background for the length of the block.

    It has so many workers, or as many as the step's settings say.
    """
    command = manage("run_huey", *(["--workers", str(workers)] if workers else []))
    with running(command, log_path, cwd=step.folder, env=environment) as process:
        wait_until(
            lambda: "consumer started" in log_path.read_text(encoding="utf-8", errors="replace"),
            process,
            f"{step.name}: the consumer",
            log_path,
        )
        yield process
