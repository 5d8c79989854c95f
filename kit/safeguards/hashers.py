from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2idPasswordHasher(Argon2PasswordHasher):
    """Argon2id with the least that OWASP asks for: 19 MiB, two passes, one lane.

    Every sign-up pays for its hash while the visitor waits. Django's own Argon2 parameters take
    about six times as long as these, its default hasher (PBKDF2) about sixteen times.
    https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id
    """

    time_cost = 2
    memory_cost = 19 * 1024  # KiB
    parallelism = 1
