"""A step's settings, but a password is hashed immediately, as for the step's own tests."""

from safeguards.hashers import Argon2idPasswordHasher

from config.settings import *  # noqa: F403

Argon2idPasswordHasher.memory_cost = 8  # KiB, the least there is: sites get hundreds of sign-ups
