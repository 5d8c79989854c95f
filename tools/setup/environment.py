"""Make and mend `.venv`, and run a command in it. For workshop.py, so standard library only."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from ..commands import COMMANDS
from ..filelock import take

ROOT = Path(__file__).resolve().parent.parent.parent
REQUIREMENTS = ROOT / "requirements"
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "installed.json"  # the interpreter and each lock's hash, once all is in place
LOG = VENV / "install.log"  # what venv and pip said
GUARD = VENV / "install.lock"  # locked by the launcher that is installing
WHEELS = ROOT / "wheels"  # the packages, in what `workshop.py bundle` made
# What a terminal sends that is closed: not to what `nohup` has started, and not on Windows.
HANGUP = [signal.SIGHUP] if hasattr(signal, "SIGHUP") else []
HANGUP = [number for number in HANGUP if signal.getsignal(number) != signal.SIG_IGN]

# What .venv is made from: the Python below, when the caller's is in a virtual environment itself.
BASE = getattr(sys, "_base_executable", None) or sys.executable
INTERPRETER = f"{sys.implementation.cache_tag} {Path(BASE).resolve()}"

# What reaches our children of what the caller has set, often for something else: another project's
# settings, other packages for Python, a pip that installs elsewhere.
OF_OTHERS = ("PYTHON", "PYTEST", "DJANGO", "COVERAGE", "UV_", "PIP_", "MPLBACKEND", "MATPLOTLIBRC")
OF_OTHERS += ("DEBUG", "SECRET_KEY", "DATABASE_URL", "VAR_DIR", "VIRTUAL_ENV", "__PYVENV")
# But for these: how Python runs, and where pip and uv find packages.
OF_OURS = {"PYTHONHASHSEED", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"}
OF_OURS |= {"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_FIND_LINKS"}
OF_OURS |= {"PIP_CERT", "PIP_CLIENT_CERT", "PIP_PROXY", "PIP_CONFIG_FILE", "PIP_NO_INDEX"}
OF_OURS |= {"PIP_CACHE_DIR", "PIP_NO_CACHE_DIR", "UV_CACHE_DIR", "UV_OFFLINE", "UV_NATIVE_TLS"}
OF_OURS |= {"UV_INDEX", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_FIND_LINKS", "UV_INSECURE_HOST"}
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if name in OF_OURS or not name.startswith(OF_OTHERS)
} | {"PYTHONUTF8": "1"}

# To download, measured in 2026-11.
MEGABYTES = {
    "workshop.txt": 18,
    "bundle.txt": 2,
    "tests.txt": 16,
    "browser.txt": 54,
    "notebooks.txt": 60,
    "jupyterlab.txt": 31,
    "bench.txt": 38,
    "cluster.txt": 22,
    "servers.txt": 63,
    "site.txt": 37,
}
NO_PIP = (
    f"{BASE} lacks venv, ensurepip or a recent pip: on Debian and Ubuntu 'sudo apt install "
    "python3-venv' fixes that, elsewhere another Python from 3.11 to 3.14"
)
NO_NETWORK = (
    "could not download: connect to a network (a phone's will do, and some want a log-in page "
    "first) and run this again; later runs need none"
)
WRONG_INDEX = (
    "the package index lacks a package: is it the right one? PIP_INDEX_URL names it, or pip's "
    "settings do ('pip config list')"
)
DISK_FULL = "the disk is full: free some 900 MB and run this again"
ELSEWHERE = (
    "pip has put the packages elsewhere, as its own settings tell it: take target, prefix, root or "
    "dry-run out of them ('pip config list' shows the file)"
)
SOCKS = (
    "pip can't use a SOCKS proxy: unset ALL_PROXY, or set HTTPS_PROXY to an HTTP proxy, and run "
    "this again"
)
NO_INDEX = "PIP_NO_INDEX, or no-index in pip's settings, keeps pip off the network: unset it"
# What venv and pip say, and what it means; the first one found tells most.
CAUSES = {
    "No space left|not enough space": DISK_FULL,
    "dependencies for SOCKS|[Ss]cheme.*socks|socks.*scheme": SOCKS,
    "(?i)ignoring indexes|packages were not found.*no-index": NO_INDEX,
    r"Retrying \(|Max retries|[Tt]imed out|SSLError": NO_NETWORK,
    "from versions: none": WRONG_INDEX,
    r"No module named '?(venv|ensurepip|pip)\b|ensurepip is not": NO_PIP,
}


class CannotPrepare(Exception):
    """`.venv` can't be made here and now; the message says why and how to fix it."""


def run(name, locks, arguments):
    """Run a command in `.venv`, made or mended first; say how it ended, return its status.

    Without locks it runs on the bare Python. The status is 1 if `.venv` can't be made, 128 and
    its number after a signal while it is being made.
    """
    status, was_stopped = make_and_call(COMMANDS[name], locks, arguments)
    was_stopped |= status == 128 + signal.SIGTERM  # as by `cluster stop` in another terminal
    unsuccessful = "not all tasks are done" if name == "check" and status == 1 else "failed"
    how = "stopped" if was_stopped else unsuccessful if status else "done"
    say(f"workshop.py {name}: {how}{f' (exit status {status})' if status else ''}.")
    return status


def make_and_call(command, locks, arguments):
    """Return the exit status, and whether it was a signal that ended it."""
    for number in [signal.SIGINT, signal.SIGTERM, *HANGUP]:
        signal.signal(number, stop_installing)
    try:
        prepare(locks)
        if not command.module:
            return 0, False
        module = f"tools.{command.room}.{command.module}"
        return call([PYTHON if locks else BASE, "-m", module, *arguments])
    except CannotPrepare as problem:
        say(f"workshop.py: {problem}")
    except OSError as error:
        say(
            f"workshop.py: {error.strerror}: {error.filename or VENV}; the clone must be in a "
            "folder of yours with some 900 MB free, and no other program may be using its .venv"
        )
    except SystemExit as stopped:
        return stopped.code, True
    return 1, False


def stop_installing(number, _):
    sys.exit(128 + number)


def prepare(locks):
    """Bring `.venv` to what `locks` pin; raise CannotPrepare or OSError."""
    wanted = hashes(locks)
    if wanted.items() <= read_stamp().items():
        make_kit_importable()
        return
    VENV.mkdir(exist_ok=True)
    if any(VENV.iterdir()) and not GUARD.exists():  # somebody made it by hand
        raise CannotPrepare(f"{VENV} is not from here and would be lost: rename or remove it")
    with sole_installer():
        stamp = read_stamp()  # another launcher may have done it all meanwhile
        if wanted.items() <= stamp.items():
            return
        if sys.version_info >= (3, 15):
            say("Tried with Python 3.11 to 3.14 only; going on with a newer one.")
        LOG.write_text("", encoding="utf-8")
        if not stamp:
            if any(path not in (GUARD, LOG) for path in VENV.iterdir()):
                say(".venv is unfinished, or of another Python: making it again.")
            make_venv()
            stamp = {"python": INTERPRETER}
            STAMP.write_text(json.dumps(stamp), encoding="utf-8")
        missing = [lock for lock in locks if stamp.get(lock) != wanted[lock]]
        STAMP.unlink()  # so that after a kill the next run makes .venv again
        try:
            install(missing)
        except BaseException:
            said = LOG.read_text(encoding="utf-8", errors="replace")
            if not re.search("Installing collected|Installed ", said):  # so nothing was changed
                STAMP.write_text(json.dumps(stamp), encoding="utf-8")
            raise
        make_kit_importable()
        STAMP.write_text(json.dumps(stamp | wanted), encoding="utf-8")


def make_kit_importable():
    """Let `.venv`'s Python import the packages in kit/, with every edit of them.

    The path is relative, because Python 3.11 and 3.12 read this file in the locale's encoding.
    """
    for packages in VENV.glob("Lib/site-packages" if os.name == "nt" else "lib/*/site-packages"):
        path = Path(os.path.relpath(ROOT / "kit", packages)).as_posix()
        (packages / "kit.pth").write_text(f"{path}\n", encoding="utf-8")


def hashes(locks):
    """Return what the stamp says when these locks are installed."""
    return {x: hashlib.sha256((REQUIREMENTS / x).read_bytes()).hexdigest() for x in locks}


def read_stamp():
    """Return what is in place: {} if `.venv` is unfinished, of another Python, or not ours."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if stamp.get("python") == INTERPRETER and PYTHON.exists() else {}


def make_venv():
    """Make `.venv` again, with pip in it where there is no uv; raise CannotPrepare or OSError."""
    STAMP.unlink(missing_ok=True)
    for path in VENV.iterdir():  # not `venv --clear`: Windows can't remove files that are open
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path not in (GUARD, LOG):
            path.unlink()
    with_pip = not shutil.which("uv") and succeeds([BASE, "-m", "venv", VENV], "Making .venv")
    if not with_pip:  # Debian's Python may have no ensurepip
        logged([BASE, "-m", "venv", "--without-pip", VENV])


def install(locks):
    """Install what `locks` pin, and import some of it; raise CannotPrepare or OSError.

    uv is several times as fast as pip. Where it fails, pip says why: it knows more networks.
    """
    pinned = ["--no-deps", *(f"--requirement={REQUIREMENTS / lock}" for lock in locks)]
    offline = ["--no-index", f"--find-links={WHEELS}"]
    size = sum(MEGABYTES.get(lock, 1) for lock in locks)
    online = f"Downloading and installing {' and '.join(locks)} (about {size} MB)"
    ways = [(offline, f"Taking packages from {WHEELS}")] if WHEELS.is_dir() else []
    ways.append(([], online))
    for where, title in ways:
        uv = ["uv", "pip", "install", f"--python={PYTHON}", *where, *pinned]
        if shutil.which("uv") and succeeds(uv, title):
            break
        pip = [*find_pip(), "--no-input", "--disable-pip-version-check", "--retries=2"]
        pip += ["--timeout=15", "install", "--no-user", "--progress-bar=off", "--prefer-binary"]
        if not where:
            logged([*pip, *pinned], title)
        elif succeeds([*pip, *where, *pinned], title):
            break
        else:
            version = sys.version.split()[0]
            say(f"{WHEELS} lacks a package that this needs on Python {version} here.")
    try:
        logged([PYTHON, Path(__file__).with_name("imports.py"), *(REQUIREMENTS / x for x in locks)])
    except CannotPrepare as problem:
        raise CannotPrepare(f"{ELSEWHERE}; or: {problem}") from None


def succeeds(command, title=""):
    with contextlib.suppress(CannotPrepare):
        logged(command, title)
        return True
    return False


def find_pip():
    """Return the command of a pip that installs into `.venv`; raise CannotPrepare."""
    if succeeds([PYTHON, "-c", "import pip"]):  # most often; to ask its version takes long
        return [PYTHON, "-m", "pip"]
    bundled = [[PYTHON, wheel / "pip"] for wheel in WHEELS.glob("pip-*.whl")]  # it runs as it is
    for pip in ([BASE, "-m", "pip", "--python", PYTHON], *bundled):
        if succeeds([*pip, "--version"]):
            return pip
    raise CannotPrepare(NO_PIP)


def logged(command, title=""):
    """Run a command with its output in LOG and a dot a second; raise CannotPrepare if it fails."""
    # In a group of its own, so that what it starts in turn can be stopped together with it.
    group = {"process_group": 0} if os.name == "posix" else {}
    quiet = {"stdin": subprocess.DEVNULL, "stderr": subprocess.STDOUT, "close_fds": False}
    with LOG.open("a+", encoding="utf-8", errors="replace") as log:
        start = log.seek(0, os.SEEK_END)
        process = subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=log, **quiet, **group)
        try:
            say(title, end="")
            while process.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=1)
                say("." if title else "", end="")
        except BaseException:
            with contextlib.suppress(ProcessLookupError):  # it may have ended just now
                os.killpg(process.pid, signal.SIGTERM) if group else process.terminate()
            process.wait()
            raise
        finally:
            say("", end="\n" if title else "")
        log.seek(start)
        if process.returncode:
            raise CannotPrepare(f"{gist(log.read())} (all of pip's words: {LOG})")


def gist(output):
    """Return in one line what went wrong and how to fix it."""
    if shutil.disk_usage(VENV).free < 20_000_000:
        return DISK_FULL  # a log on a full disk says nothing
    for pattern, meaning in CAUSES.items():
        if re.search(pattern, output):
            return meaning
    errors = re.findall(r"^(?:[\w.]*Error|ERROR): (?!Exception).+", output, re.MULTILINE)
    return errors[-1] if errors else "installing failed"


def call(command):
    """Run a command in this terminal; return its exit status and whether a signal came for it.

    The status is 128 + n if signal n ended it.
    The command has children of its own to stop, so it is waited for whatever comes. SIGTERM and
    SIGHUP are passed on to it, and so is SIGINT, unless it was typed: a terminal sends Ctrl-C to
    both.
    """
    process, came, early = None, [], []

    def pass_on(number, _):
        came.append(number)
        if number == signal.SIGINT and typed():
            return
        if process:
            process.send_signal(number)
        else:
            early.append(number)

    for number in [signal.SIGINT, signal.SIGTERM, *HANGUP]:
        signal.signal(number, pass_on)
    environment = ENVIRONMENT | {"WORKSHOP_STARTED_IN": os.getcwd()}
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    for number in early:
        process.send_signal(number)
    status = process.wait()
    if status > 255:  # Windows, after a Ctrl-C
        status = 128 + signal.SIGINT
    return status if status >= 0 else 128 - status, bool(came)


def typed():
    """Return whether a SIGINT just received went to this process's children as well."""
    if os.name == "nt":
        return True
    try:
        with open("/dev/tty", encoding="utf-8") as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False


@contextlib.contextmanager
def sole_installer():
    """Hold other launchers off this clone's `.venv` in the block, after waiting for one at work.

    The system drops the lock with the last process that has the file open, so it is never stale.
    """
    with GUARD.open("w", encoding="utf-8") as guard:
        os.set_inheritable(guard.fileno(), True)  # pip keeps it, should the launcher be killed
        if not take(guard):
            say("Another workshop.py is installing here; waiting for it.")
            while not take(guard):
                time.sleep(0.2)
        yield


def say(text, end="\n"):
    """Write to standard error; standard output belongs to the command."""
    print(text, end=end, file=sys.stderr, flush=True)
