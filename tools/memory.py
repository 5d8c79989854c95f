"""Print what a thumbnail costs, as JSON: `python -m tools.memory FILE`, in a step's folder.

"seconds", and "bytes": how much this process grows at its largest while it makes the thumbnail.
"""

import json
import sys
import time
from io import BytesIO
from pathlib import Path

import django
import psutil
from django.core.files import File
from PIL import Image

if sys.platform != "win32":
    import resource


def main(arguments):
    django.setup()
    from accounts.pictures import make_thumbnail  # after the set-up, like all of a step's modules

    [path] = map(Path, arguments)
    with Image.open(path) as image:
        tiny = BytesIO()
        Image.new("RGB", (8, 8)).save(tiny, image.format)
    make_thumbnail(File(tiny))  # loads Pillow's code for the format, which is not to be counted
    before = peak_memory()
    start = time.perf_counter()
    make_thumbnail(File(path.open("rb")))
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "bytes": peak_memory() - before}))


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


if __name__ == "__main__":
    main(sys.argv[1:])
