"""Run every test of the repository, or one step's: pytest in one project after the other.

Django allows one settings module a process, so each step needs a pytest of its own.
"""

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from ..arguments import parse
from ..sites.catalogue import ROOT, STEPS
from ..sites.processes import python_path, running, stop_in_order

PYTEST = ["-m", "pytest", "--quiet", "--durations=5", "-rfER"]
# What failed is tried once more: a machine that is kept busy may be the reason.
AGAIN = "--reruns=1"
# Most of the root's tests wait for processes: six workers keep two cores busy. A group of tests
# that share sites stays in one worker (xdist_group).
AT_THE_ROOT = ["-pfrozen", "--numprocesses=6", "--dist=loadgroup", "--no-loadscope-reorder"]
# The plugins of pytest that a step's tests use. The others that are there take a second to import.
PLUGINS = ["slipcover.pytest_plugin", "frozen", "pytest_rerunfailures"]
PLUGINS += ["pytest_django.plugin", "pytest_httpserver.pytest_plugin"]
IN_A_STEP = ["--disable-plugin-autoload", *(f"-p{name}" for name in PLUGINS)]
# What their own tests must run in full. What a sign-up's records mean, the race's tests prove.
COVERED = ["accounts", "outbox", "safeguards", "timing"]
NOT_COVERED = ["timing/sign_up.py"]
KIT = ROOT / "kit"


def main(arguments=None):
    """Run the command; return 0 when every test passed or was skipped, otherwise 1."""
    options = parse("test", arguments)
    stop_in_order()
    with TemporaryDirectory() as databases:
        environment = environment_of_tests() | {"NEW_DATABASES": databases}
        environment |= {"EXAMPLES": str(options.examples)}
        failed = [
            name for name, *how in sessions(options.step) if not passes(name, *how, environment)
        ]
    print(f"\nFailed: {', '.join(failed)}" if failed else "\nAll tests passed.")
    return 1 if failed else 0


def sessions(step=None):
    """Return for each pytest its name, its folder and its command; of one step alone if given.

    SlipCover notes which lines run by changing their bytecode: a tracer would slow down
    all that runs.
    """
    if step:
        return [(step.name, step.folder, covering(step.folder))]
    folders = [KIT, *(each.folder for each in STEPS)]
    alone = [(folder.name, folder, covering(folder)) for folder in folders]
    return [("the whole", ROOT, [*PYTEST, *AT_THE_ROOT, AGAIN]), *alone]


def covering(folder):
    folders = [name for name in COVERED if (folder / name).is_dir()]
    cover = ["-m", "slipcover", f"--source={','.join(folders)}", f"--omit={','.join(NOT_COVERED)}"]
    return [*cover, "--skip-covered", "--fail-under=100", *PYTEST, *IN_A_STEP, AGAIN]


def passes(name, folder, command, environment):
    """Run a pytest, its words in view; return whether all passed."""
    print(f"\n{name}", flush=True)
    with running([sys.executable, *command], cwd=folder, env=environment) as process:
        return process.wait() == 0


def environment_of_tests():
    """Return the environment, with all that is left to chance fixed, unless the caller says how.

    That is the seed of the tests, and the order of a set's elements.
    """
    chance = {name: os.environ.get(name, "1") for name in ["SEED", "PYTHONHASHSEED"]}
    print(" ".join(f"{name}={value}" for name, value in chance.items()), flush=True)
    environment = os.environ | chance | {"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}
    # Or each of the hundreds of processes that the tests start would compile our code again.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment | {"PYTHONPATH": python_path(Path(ROOT, "tests", "startup"))}


if __name__ == "__main__":
    sys.exit(main())
