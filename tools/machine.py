"""What a run was measured on."""

import importlib.metadata
import os
import platform

PACKAGES = ["django", "huey", "pillow", "requests", "argon2-cffi", "aiosmtpd"]


def machine_and_versions():
    """Return the machine and the versions that matter, for the record of a run."""
    return {
        "machine": {
            "system": platform.platform(),
            "processor": platform.machine(),
            "cores": os.cpu_count(),
        },
        "versions": {"python": platform.python_version()}
        | {package: importlib.metadata.version(package) for package in PACKAGES},
    }
