"""A lock on a file, which no two processes have. Standard library only."""

import os


def take(file):
    """Return whether this process has got the exclusive lock of an open file.

    On Windows the system drops a lock some time after the process that had it was killed.
    """
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
