"""Start and stop processes."""

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import psutil

from ..filelock import take

START_SECONDS = 60  # how long a process may take until it is ready
STOP_SECONDS = 10  # how long a process may take to end by itself


class StartError(Exception):
    """Something could not be started; the text says what, and how to fix it."""


# What asks a command to stop: Ctrl-C, a service manager, and a terminal that is closed.
STOPS = [getattr(signal, name) for name in ["SIGINT", "SIGTERM", "SIGHUP"] if hasattr(signal, name)]


def stop_in_order():
    """Let a signal end this command by SystemExit: each `with` block stops what it has started.

    Whatever else comes meanwhile, such as a second Ctrl-C, changes nothing. Ctrl-C counts even if
    a shell has told this command, in its background, to ignore it; SIGHUP does not, after `nohup`.
    """
    for number in STOPS:
        if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop_once)
    if "WORKSHOP_STARTED_IN" in os.environ and os.name == "posix":
        Thread(target=outlive_no_launcher, args=[os.getppid()], daemon=True).start()


def stop_once(number, _):
    for each in STOPS:  # not SIG_IGN, which what is started from here on would inherit
        signal.signal(each, lambda *_: None)
    raise SystemExit(128 + number)


def outlive_no_launcher(launcher):
    """Stop this command when the launcher is gone, which had no time to say so if it was killed."""
    while os.getppid() == launcher:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def sole_owner(var_dir):
    """Keep other commands off a step's var/ for the block; raise StartError if one has it.

    Two consumers would take each other's tasks from one queue. The system drops the lock with the
    process that holds it, so it is never stale.
    """
    var_dir.mkdir(parents=True, exist_ok=True)
    if locked := [path for path in [var_dir, *var_dir.iterdir()] if not os.access(path, os.W_OK)]:
        raise StartError(
            f"{locked[0]} can't be written: it belongs to somebody else, as after a sudo. "
            "Remove it, or make it yours."
        )
    with (var_dir / "in_use").open("a+", encoding="utf-8") as lock:
        if not take(lock):
            lock.seek(0)
            who = lock.read() if os.name == "posix" else "another command"
            raise StartError(f"{var_dir} is in use by {who}: stop that first.")
        lock.truncate(0)
        lock.write(f"`{Path(sys.argv[0]).stem} {' '.join(sys.argv[1:])}` (process {os.getpid()})")
        lock.flush()
        yield


def check_port_is_free(host, port):
    """Raise StartError when something listens on the port already; the text says what."""
    if problem := port_problem(host, port):
        who = listener(port)
        if "workshop.py" in who:  # whose sites write where ours would, whatever their ports
            raise StartError(f"{who}: stop it first.")
        what = f"{who}: stop it, or" if who else f"Port {port} can't be used ({problem}):"
        raise StartError(f"{what} choose other ports with --base-port.")


def port_problem(host, port):
    """Return why no server could listen on the port now, "" if it could."""
    with socket.socket() as probe:
        if os.name == "posix":  # on Windows this option would allow to take a port that is in use
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            return getattr(error, "strerror", None) or str(error)
    return ""


def listener(port):
    """Return what listens on the port, in words: a command of this workshop or else a program.

    Return "" if that is nobody, or somebody else's process, which only an administrator may see.
    """
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            connections = process.net_connections("tcp")
            if any(c.laddr[1] == port and c.status == psutil.CONN_LISTEN for c in connections):
                return said_of([process, *process.parents()], port)
    return ""


def said_of(processes, port):
    """Return a sentence on a process that has the port, from it and its parents."""
    for process in processes:
        with suppress(psutil.Error):
            words = process.cmdline()
            for place, word in enumerate(words):
                if Path(word).name == "workshop.py":
                    command = " ".join(["workshop.py", *words[place + 1 :]])
                    return f"A `{command}` is running already (process {process.pid}, port {port})"
    process = processes[0]
    command = " ".join(process.cmdline())[:100]
    return f"Port {port} is taken by process {process.pid}, `{command}`"


def start(command, log_path, **options):
    """Start a process in the background; its output is appended to the file `log_path`.

    It gets a process group of its own, so that Ctrl-C in the terminal reaches only us.
    """
    started = []

    def popen():
        process = psutil.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            **options,
        )
        started.append(process)

    try:
        # Signals raise their exceptions in the main thread, and could do so before Popen returns.
        with log_path.open("ab") as log, ThreadPoolExecutor(1) as thread:
            thread.submit(popen).result()
    except (KeyboardInterrupt, SystemExit):
        for process in started:
            stop(process)
        raise
    return started[0]


@contextmanager
def running(command, log_path=None, **options):
    """Start a process, and stop it with all its children at the end of the block.

    Its output goes to the file `log_path`; without one it is shown.
    """
    if log_path is None:
        process = psutil.Popen(command, **options)
    else:
        process = start(command, log_path, **options)
    try:
        yield process
    except (KeyboardInterrupt, SystemExit):
        if log_path is None:
            finish(process, patience=1)
        raise
    finally:
        stop(process)


def finish(process, patience=0):
    """Let a process finish what it does, as after a Ctrl-C.

    With patience, in seconds, the terminal's Ctrl-C may have reached it already.
    """
    with suppress(psutil.Error):
        with suppress(psutil.TimeoutExpired):
            return process.wait(patience)
        if os.name == "posix":
            process.send_signal(signal.SIGINT)
        process.wait(STOP_SECONDS)


def family(process):
    """Return the process and all its children."""
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return [process]


def stop(process, seconds=STOP_SECONDS):
    """Terminate a process and all its children; kill what is still there after so many seconds."""
    members = family(process)
    for member in members:
        with suppress(psutil.NoSuchProcess):
            member.terminate()
    _, alive = psutil.wait_procs(members, timeout=seconds)
    for member in alive:
        member.kill()
    psutil.wait_procs(alive, timeout=seconds)


def kill(process):
    """Kill a process and all its children together (SIGKILL); return when they have ended."""
    members = family(process)
    for member in members:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(members, timeout=STOP_SECONDS)


def python_path(folder):
    """Return a PYTHONPATH with the folder before those of our own."""
    return os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))


def has_ended(process):
    """Return whether a process has ended, even if its parent has not asked for its status yet."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def words(log):
    return log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""


def wait_until(is_ready, process, what, log):
    """Return when `is_ready()` is true; raise StartError if the process ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            last_lines = "\n  ".join(words(log).strip().splitlines()[-5:])
            raise StartError(f"{what} did not start. {last_lines}".strip())
        time.sleep(0.05)
