"""What it takes from a fresh clone to the first page, and to the end of the tests."""

import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from ...setup.environment import BASE, ENVIRONMENT, MEGABYTES
from ...sites.catalogue import ROOT, STEPS
from ...sites.ports import reserved_ports
from ...sites.processes import StartError, running
from ...sites.site import answers
from .measuring import POLL

LIMIT = 3600  # seconds that a command may take on a slow machine
COLUMNS = ["from a fresh clone", "seconds", "on the disk"]


def measure(bench):
    """Clone, and run the demo in the clone until it ends."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder, reserved_ports() as base_port:
        start = time.monotonic()
        clone = cloned(Path(folder, "clone"))
        command = ["demo", "--once", "--signups=1", f"--base-port={base_port}"]
        first_page = f"http://127.0.0.1:{base_port + STEPS[0].number}/"
        log, seconds = Path(folder, "log"), {}
        with running([BASE, "workshop.py", *command], log, cwd=clone, env=ENVIRONMENT) as demo:
            while demo.poll() is None:
                if time.monotonic() - start > LIMIT:
                    raise StartError(f"The demo did not end in {LIMIT} s.")
                if "first page" not in seconds and answers(first_page):
                    seconds["first page"] = round(time.monotonic() - start, 1)
                time.sleep(POLL)
            check(demo.returncode, log)
        seconds["end of the demo"] = round(time.monotonic() - start, 1)
        return result(seconds, clone, ["workshop.txt"])


def result(seconds, clone, locks):
    return {
        "n": 1,
        "settings": {"downloaded_megabytes": sum(MEGABYTES[lock] for lock in locks)},
        "seconds": seconds,
        "megabytes": round(size(clone) / 1e6),
    }


def cloned(folder):
    """Return the folder, with a clone of what is committed here."""
    command = ["git", "clone", "--quiet", "--no-hardlinks", ROOT, folder]
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8")
    except OSError as error:
        raise StartError(f"git can't be run ({error.strerror}).") from None
    if done.returncode:
        raise StartError(f"git clone failed: {done.stderr.strip()}")
    return folder


def check(status, log):
    if status:
        said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        words = [line for line in said[:-3] if line.startswith("FAILED")] + said[-3:]
        raise StartError("In the clone: " + " / ".join(words))


def size(folder):
    """Return how many bytes the files of a folder have."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file() and not p.is_symlink())


def rows(part):
    """Return what to print."""
    for what, seconds in part["seconds"].items():
        yield f"to the {what}", f"{seconds:.0f}", f"{part['megabytes']} MB"
