"""Python imports this before anything else, in each process of a run of all tests.

Most of them live for a second, in which they import: to look for garbage after every 700 new
objects, as Python does, costs them up to a tenth of their CPU time.
"""

import gc

gc.set_threshold(20000)  # no "20_000": a test starts Pythons of all ages
