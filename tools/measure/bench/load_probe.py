"""How many passwords a step hashes a second, for load.py: no site can sign up more."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

from django.contrib.auth.hashers import make_password


def hashes_per_second(count):
    """Hash so many passwords on all cores at once: a hash lets other threads run."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        start = time.perf_counter()
        list(threads.map(make_password, ["correct horse battery staple"] * count))
        return count / (time.perf_counter() - start)


QUESTIONS = {"hashes per second": hashes_per_second}
