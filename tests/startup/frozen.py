"""A plugin of pytest: what is there before the first test is not looked through for garbage.

Nor at the end of all tests, when pytest looks five times.
"""

import gc


def pytest_collection_finish():
    gc.freeze()
