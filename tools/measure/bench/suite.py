"""What it takes from a fresh clone to the end of the tests."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from ...commands import COMMANDS
from ...setup.environment import BASE, ENVIRONMENT
from ...sites.processes import StartError, running
from .setup import COLUMNS, LIMIT, check, cloned, result, rows

__all__ = ["COLUMNS", "measure", "rows"]


def measure(bench):
    """Clone, and run every test in the clone, or those of one step."""
    which = ["1"] if bench.is_quick else []
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # for the cluster's PostgreSQL, as another user
        start = time.monotonic()
        clone, log = cloned(Path(folder, "clone")), Path(folder, "log")
        command = [BASE, "workshop.py", "test", *which]
        with running(command, log, cwd=clone, env=ENVIRONMENT) as tests:
            while tests.poll() is None:
                if time.monotonic() - start > LIMIT:
                    raise StartError(f"The tests did not end in {LIMIT} s.")
                time.sleep(1)
            check(tests.returncode, log)
        seconds = {"end of the tests": round(time.monotonic() - start, 1)}
        return result(seconds, clone, COMMANDS["test"].locks)
