"""Pack this repository and its packages into one archive, for a room without a network."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.requirements import Requirement

from ..arguments import parse
from ..commands import COMMANDS
from ..sites.catalogue import ROOT
from .environment import HANGUP, REQUIREMENTS, WHEELS

LOCKS = ["workshop.txt", "tests.txt", "bundle.txt"]  # what a learner needs, and a pip
# A system's wheels, and what the locks' markers ask of it. Linux: glibc 2.28, of 2018, or later.
LINUX = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
MACOS = {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"}
WINDOWS = {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"}
MANYLINUX = [*(f"manylinux_2_{minor}_x86_64" for minor in range(28, 4, -1)), "manylinux2014_x86_64"]
SYSTEMS = {
    "linux": (MANYLINUX, LINUX | {"platform_machine": "x86_64"}),
    "macos-arm": (["macosx_14_0_arm64"], MACOS | {"platform_machine": "arm64"}),
    "macos-intel": (["macosx_14_0_x86_64"], MACOS | {"platform_machine": "x86_64"}),
    "windows": (["win_amd64"], WINDOWS | {"platform_machine": "AMD64"}),
}
CPYTHON = {"implementation_name": "cpython", "platform_python_implementation": "CPython"}


class NoWheels(Exception):
    """Not every package could be had; the text says which."""


def main(arguments=None):
    """Run the command; return its exit status."""
    options = parse("bundle", arguments)
    for number in [signal.SIGTERM, *HANGUP]:  # leaves no folder behind
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    locks = [*LOCKS, *(lock for name in options.commands for lock in COMMANDS[name].locks)]
    output = options.output
    try:
        with TemporaryDirectory(prefix="packing-", dir=output.parent) as folder:
            clone = Path(folder, "workshop")
            wheels = clone / WHEELS.name
            shutil.copytree(ROOT, clone, ignore=ignored)
            for system in options.systems:
                for python in options.pythons:
                    print(f"{system}, Python {python}: ", end="", flush=True)
                    print(f"{download(locks, system, python, wheels)} packages")
            archive = Path(shutil.make_archive(clone, "zip", folder, clone.name))
            count, size = len(list(wheels.iterdir())), archive.stat().st_size / 1e6
            archive.replace(output)
    except (NoWheels, OSError) as problem:
        if isinstance(problem, shutil.Error):  # of copytree, with an entry for each file
            problem = problem.args[0][0][2]
        print(f"\n{problem}\nNothing was written.", file=sys.stderr)
        return 1
    print(f"{output}: {size:.0f} MB, {count} wheels and the repository.")
    print("Copy it to each machine, unpack it, and run any command there; Python is not in it.")
    return 0


def ignored(folder, names):
    """Return which of a folder's names are not packed: .gitignore's, git's own and ours."""
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    # A pattern that begins with a slash is for the root alone.
    patterns = [line.strip("/") for line in lines if line[:1] != "/" or Path(folder) == ROOT]
    return shutil.ignore_patterns(".git", "packing-*", *patterns)(folder, names)


def download(locks, system, python, folder):
    """Download what the locks pin for a system and a Python; return how many packages that is.

    pip would compare the locks' markers with this machine. A marker may ask for a patch release:
    the latest counts.
    """
    platforms, machine = SYSTEMS[system]
    about = CPYTHON | machine | {"python_version": python, "python_full_version": f"{python}.99"}
    texts = [(REQUIREMENTS / lock).read_text(encoding="utf-8") for lock in locks]
    pins = [Requirement(line) for text in texts for line in text.splitlines()]
    meant = [pin for pin in pins if not pin.marker or pin.marker.evaluate(about)]
    wanted = {f"{pin.name}{pin.specifier}" for pin in meant}
    options = ["--no-deps", "--only-binary=:all:", f"--dest={folder}", "--implementation=cp"]
    options += [f"--platform={platform}" for platform in platforms]
    pip("download", *options, f"--python-version={python}", *sorted(wanted))
    return len(wanted)


def pip(*arguments):
    """Run pip; raise NoWheels with its errors if it fails."""
    command = [sys.executable, "-m", "pip", *arguments]
    command += ["--disable-pip-version-check", "--progress-bar=off", "--no-input"]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
    if result.returncode:
        errors = [line for line in result.stderr.splitlines() if line.startswith("ERROR: ")]
        raise NoWheels("\n".join(errors[-2:] or [result.stderr]))


if __name__ == "__main__":
    sys.exit(main())
