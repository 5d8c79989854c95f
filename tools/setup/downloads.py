"""Record in requirements/downloads.json how much pip downloads for each lock, on this machine."""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from ..sites.catalogue import ROOT

REQUIREMENTS = ROOT / "requirements"
RECORD = REQUIREMENTS / "downloads.json"


def downloads(lock):
    """Return the size in bytes of each file that pip downloads for a lock, by the file's name."""
    with TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
        subprocess.run([*pip, "--requirement", lock], check=True)
        return {path.name: path.stat().st_size for path in sorted(Path(folder).iterdir())}


def megabytes(locks, installed=()):
    """Return how many megabytes were recorded for some locks, without what is `installed`."""
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    have = {name for lock in installed for name in record[lock]}
    sizes = {name: size for lock in locks for name, size in record[lock].items()}
    return sum(size for name, size in sizes.items() if name not in have) / 1e6


def main():
    """Run the command."""
    record = {path.name: downloads(path) for path in sorted(REQUIREMENTS.glob("*.txt"))}
    RECORD.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
