"""What measures the cost of work on a picture, in a process of its own."""

import sys
from io import BytesIO
from pathlib import Path

import psutil

from .factories import picture_content

if sys.platform not in ("linux", "win32"):
    import resource


def tiny_pictures():
    """Return a tiny file of each format: the first work on each loads code for it."""
    return [BytesIO(picture_content(kind, size=(8, 8))) for kind in ["JPEG", "PNG", "WEBP"]]


def peak_memory():
    """Return the most memory that this process has ever had in use, in bytes."""
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    if sys.platform == "linux":
        # Not ru_maxrss: there, a process begins with the peak of the one that started it.
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024  # from kB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS, unlike elsewhere
