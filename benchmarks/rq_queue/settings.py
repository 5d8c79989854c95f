"""https://python-rq.org/docs/"""

from benchmarks.settings import *  # noqa: F403
from benchmarks.settings import BROKER_URL, PYTHON

WORKER = [PYTHON, "-m", "rq.cli", "worker-pool", "--num-workers=2", f"--url={BROKER_URL}"]
