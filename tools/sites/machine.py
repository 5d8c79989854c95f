"""What a run was measured on."""

import importlib.metadata
import os
import platform

PACKAGES = ["django", "huey", "pillow", "requests", "argon2-cffi", "aiosmtpd"]


def machine_and_versions(others=()):
    """Return the machine and the versions that matter, for the record of a run.

    `others`: further packages; of one that is not installed, the version is None.
    """
    return {
        "machine": {
            "system": platform.platform(),
            "processor": platform.machine(),
            "cores": os.cpu_count(),
        },
        "versions": {"python": platform.python_version()}
        | {package: importlib.metadata.version(package) for package in PACKAGES}
        | {package: version(package) for package in others},
    }


def version(package):
    """Return the version of a package, or None where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
