"""Python imports this before anything else, in each process of a run of all tests.

Most of them live for a second, in which they import.
"""

import atexit
import gc
import os
import sys

# To look for garbage after every 700 new objects costs up to a tenth of the CPU time.
gc.set_threshold(20000)  # no "20_000": a test starts Pythons of all ages
# To look once more at the end, through all that goes with the process anyway, costs a fifth.
if hasattr(gc, "freeze"):
    atexit.register(gc.freeze)

# Huey imports the clients of its brokers where it finds them, which takes a third of the time.
for name in os.environ.get("WITHOUT_PACKAGES", "").split():
    sys.modules[name] = None  # as if it were not installed
