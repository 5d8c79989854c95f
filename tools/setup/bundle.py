"""Pack this repository and its packages into one archive, for a room without a network."""

import fnmatch
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.requirements import Requirement

from ..arguments import parse
from ..commands import COMMANDS
from ..sites.catalogue import ROOT
from .environment import REQUIREMENTS, WHEELS

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
    locks = [lock for name in options.commands for lock in COMMANDS[name].locks]
    output, part = options.output, options.output.with_suffix(".part")
    try:
        with TemporaryDirectory(prefix="wheels-", dir=output.parent) as folder:
            for system in options.systems:
                for python in options.pythons:
                    print(f"{system}, Python {python}: ", end="", flush=True)
                    print(f"{download([*LOCKS, *locks], system, python, folder)} packages")
            # To install the kit by hand, without a network for its build backend.
            offline = ["--no-index", "--no-build-isolation", "--no-deps"]
            pip("wheel", *offline, f"--wheel-dir={folder}", ROOT / "kit")
            pack(Path(folder), part)
            count, size = len(list(Path(folder).iterdir())), part.stat().st_size / 1e6
            part.replace(output)
    except (NoWheels, OSError) as problem:
        print(f"\n{problem}\nNothing was written.", file=sys.stderr)
        return 1
    finally:
        part.unlink(missing_ok=True)
    print(f"{output}: {size:.0f} MB, {count} wheels and the repository.")
    print("Copy it to each machine, unpack it, and run any command there; Python is not in it.")
    return 0


def download(locks, system, python, folder):
    """Download what the locks pin for a system and a Python; return how many packages that is."""
    wanted = pinned(locks, system, python)
    platforms, _ = SYSTEMS[system]
    options = ["--no-deps", "--only-binary=:all:", f"--dest={folder}", "--implementation=cp"]
    options += [f"--platform={platform}" for platform in platforms]
    pip("download", *options, f"--python-version={python}", *wanted)
    return len(wanted)


def pip(*arguments):
    """Run pip; raise NoWheels with its errors if it fails."""
    command = [sys.executable, "-m", "pip", *arguments]
    command += ["--disable-pip-version-check", "--progress-bar=off", "--no-input"]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
    if result.returncode:
        errors = [line for line in result.stderr.splitlines() if line.startswith("ERROR: ")]
        raise NoWheels("\n".join(errors[-2:] or [result.stderr]))


def pinned(locks, system, python):
    """Return the requirements of the locks that are meant for a system and a Python.

    pip would compare the locks' markers with this machine. A marker may ask for a patch release:
    the latest counts.
    """
    _, machine = SYSTEMS[system]
    about = CPYTHON | machine | {"python_version": python, "python_full_version": f"{python}.99"}
    lines = [line for lock in dict.fromkeys(locks) for line in read(lock)]
    found = map(Requirement, dict.fromkeys(lines))
    meant = [r for r in found if not r.marker or r.marker.evaluate(about)]
    return sorted({f"{requirement.name}{requirement.specifier}" for requirement in meant})


def read(lock):
    return (REQUIREMENTS / lock).read_text(encoding="utf-8").splitlines()


def pack(wheels, path):
    """Write the archive: the files that git does not ignore, and the wheels."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sources():
            if file != path:
                archive.write(file, Path("workshop", file.relative_to(ROOT)))
        for wheel in sorted(wheels.iterdir()):  # compressed already
            name = f"workshop/{WHEELS.name}/{wheel.name}"
            archive.write(wheel, name, zipfile.ZIP_STORED)


def sources():
    """Yield the repository's files, without what .gitignore names."""
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    ignored += [".git", f"{WHEELS.name}-*"]  # those that are being downloaded
    for folder, folders, files in os.walk(ROOT):
        # A pattern that begins with a slash is for the root alone.
        patterns = [line.strip("/") for line in ignored if line[:1] != "/" or Path(folder) == ROOT]

        def is_kept(name, patterns=patterns):
            return not any(fnmatch.fnmatch(name, pattern) for pattern in patterns)

        folders[:] = sorted(filter(is_kept, folders))
        yield from (Path(folder, name) for name in sorted(filter(is_kept, files)))


if __name__ == "__main__":
    sys.exit(main())
