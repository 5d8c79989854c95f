"""https://dramatiq.io/guide.html"""

from benchmarks.settings import *  # noqa: F403
from benchmarks.settings import PYTHON

WORKER = [PYTHON, "-m", "dramatiq", "benchmarks.dramatiq_queue.tasks"]
WORKER += ["--processes=1", "--threads=2"]
