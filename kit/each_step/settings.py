"""The step's settings, but everything it writes is thrown away, and no work is simulated."""

import os
from tempfile import TemporaryDirectory

var_dir = TemporaryDirectory(ignore_cleanup_errors=True)
os.environ["VAR_DIR"] = var_dir.name
os.environ["SIMULATED_RESIZE_SECONDS"] = "0"
os.environ["DEBUG"] = "on"

from safeguards.hashers import Argon2idPasswordHasher  # noqa: E402

from config.settings import *  # noqa: E402, F403

Argon2idPasswordHasher.memory_cost = 8  # KiB, the least there is: many a test hashes a password
