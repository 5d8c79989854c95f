"""Say whether this machine is ready for the workshop, and how to fix what isn't.

Standard library only: it runs on the bare Python, downloads nothing and leaves nothing behind.
"""

import datetime
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
from importlib.util import find_spec

from ..arguments import parse
from ..playground.project import PORT
from ..sites.catalogue import ROOT, STEPS
from .environment import BASE, MEGABYTES, NO_INDEX, NO_PIP, SOCKS, VENV, WHEELS, hashes, read_stamp

OK, NOTE, FIX = "ok", "note", "FIX"
FREE_MEGABYTES = 900  # for .venv with everything, and what the sites write
LONGEST_PATH = 100  # characters: Windows allows 260, and packages have files with long names
MADE = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)  # no clock is right that is before it
INDEX = "https://pypi.org/simple"
SECONDS = 10  # to wait for the package index


def main(arguments=None):
    """Print a line for each check; return 1 if something must be fixed, otherwise 0."""
    base_port = parse("doctor", arguments).base_port
    ports = [base_port, *(base_port + step.number for step in STEPS)]
    # The playground, the inbox, the jokes and SMTP.
    ports += [base_port + above for above in [PORT, 10, 11, 25]]
    results = {
        "Python": python(),
        "venv and pip": venv(),
        "folder": folder(),
        "disk": disk(),
        "ports": free_ports(ports),
        "packages": packages(),
        "clock": clock(),
        "proxy": proxy(),
    }
    for name, (state, words) in results.items():
        print(f"{state:4}  {name:12}  {words}", flush=True)
    faults = [name for name, (state, _) in results.items() if state == FIX]
    if faults:
        print(f"\nNot ready: fix {', '.join(faults)}, then run doctor again.")
        return 1
    print("\nThis machine is ready: python workshop.py demo")
    return 0


def python():
    version = sys.version.split()[0]
    if sys.version_info >= (3, 15):
        return NOTE, f"{version}, tried with 3.11 to 3.14 only ({BASE})"
    return OK, f"{version} ({BASE})"  # workshop.py has refused what is older


def venv():
    """Make an environment without pip, and look for a pip that could be put into it."""
    if read_stamp():
        return OK, f"made already, in {VENV.name}"
    if folder()[0] == FIX:
        return NOTE, "not tried: see the folder"
    with tempfile.TemporaryDirectory(dir=ROOT, ignore_cleanup_errors=True) as place:
        made = subprocess.run([BASE, "-m", "venv", "--without-pip", place], capture_output=True)
    found = [find_spec("ensurepip"), find_spec("pip"), shutil.which("uv")]
    if made.returncode or not any([*found, *WHEELS.glob("pip-*.whl")]):
        return FIX, NO_PIP
    return OK, "can be made"


def folder():
    try:
        with tempfile.TemporaryFile(dir=ROOT):
            pass
    except OSError as error:
        return FIX, f"{ROOT} can't be written ({error.strerror}): move it to a folder of yours"
    if os.pathsep in str(ROOT):
        return FIX, f"the path {ROOT} has a {os.pathsep!r}, which venv can't have: rename it"
    if os.name == "posix" and os.statvfs(ROOT).f_flag & getattr(os, "ST_NOEXEC", 0):
        return FIX, f"{ROOT} is on a volume where nothing may be executed: move it to another"
    if os.name == "nt" and len(str(ROOT)) > LONGEST_PATH:
        return FIX, f"the path {ROOT} is too long for Windows: move it to a shorter one"
    return OK, str(ROOT)


def disk():
    free = shutil.disk_usage(ROOT).free // 1_000_000
    if free < FREE_MEGABYTES:
        return FIX, f"{free} MB are free: make room for {FREE_MEGABYTES} MB"
    return OK, f"{free // 1000} GB are free"


def free_ports(ports):
    """Listen on each port, and reach it from here."""
    taken = []
    for port in ports:
        try:
            with socket.create_server(("127.0.0.1", port)) as server:
                socket.create_connection(server.getsockname(), timeout=SECONDS).close()
        except OSError:
            taken.append(str(port))
    if not taken:
        return OK, f"{', '.join(map(str, ports))} are free"
    advice = "stop what uses them, or, if it isn't a workshop.py, say --base-port=9000 each time"
    return FIX, f"{', '.join(taken)} can't be used: {advice}"


def index_problem():
    """Return in words why the package index that pip would ask gives no answer, "" if it does."""
    if not (url := os.environ.get("PIP_INDEX_URL")):
        url = pip("config", "get", "global.index-url").stdout.strip() or INDEX
    try:
        urllib.request.urlopen(f"{url.rstrip('/')}/pip/", timeout=SECONDS).close()
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error))
    return ""


def pip_reaches_index():
    """Return whether pip gets an answer: it brings certificates, which Python on macOS may lack."""
    return pip("index", "versions", "pip", "--retries=0", f"--timeout={SECONDS}").returncode == 0


def pip(*arguments):
    return subprocess.run([BASE, "-m", "pip", *arguments], capture_output=True, encoding="utf-8")


def packages():
    if hashes(["workshop.txt"]).items() <= read_stamp().items():
        return OK, "installed already"
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    if WHEELS.is_dir() and any(f"-{tag}-" in wheel.name for wheel in WHEELS.glob("*.whl")):
        return OK, f"in {WHEELS.name}, so no network is needed: python workshop.py install"
    if os.environ.get("PIP_NO_INDEX", "0").lower() not in ("", "0", "no", "off", "false"):
        return FIX, NO_INDEX
    if (problem := index_problem()) and not pip_reaches_index():
        return FIX, (
            f"no answer from the package index ({problem}): connect to a network and say "
            "'python workshop.py install', or unpack a bundle"
        )
    return OK, f"to download, {MEGABYTES['workshop.txt']} MB: python workshop.py install"


def clock():
    now = datetime.datetime.now(datetime.UTC)
    if now < MADE:
        return FIX, f"{now:%Y-%m-%d %H:%M} UTC is wrong: set it, or no download works"
    return OK, f"{now:%Y-%m-%d %H:%M} UTC"


def proxy():
    found = {kind: url for kind, url in urllib.request.getproxies().items() if kind != "no"}
    if not found:
        return OK, "none"
    if any(url.startswith("socks") for url in found.values()) and not shutil.which("uv"):
        return FIX, SOCKS
    hosts = ", ".join(sorted({url.rpartition("@")[2] for url in found.values()}))
    return NOTE, f"{hosts}: for downloads; let the browser reach 127.0.0.1 without it"


if __name__ == "__main__":
    sys.exit(main())
