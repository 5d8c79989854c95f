"""Print what a picture costs, as JSON: `-m tools.measure.picture_memory FILE`, in a step's folder.

"seconds", and "bytes": how much this process grows at its largest while it makes the thumbnail, or
with `--check` at the end while it checks an upload. "cpu_seconds" is without what others take.
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
    # After the set-up, like all of a step's modules.
    from safeguards.pictures import PictureField

    from accounts.services import make_thumbnail

    work = PictureField().clean if "--check" in arguments else make_thumbnail
    path = Path(arguments[0])
    for format in ["JPEG", "PNG", "WEBP"]:  # loads Pillow's code, which is not to be counted
        tiny = BytesIO()
        Image.new("RGB", (8, 8)).save(tiny, format)
        make_thumbnail(File(tiny))
    before = peak_memory()
    start, cpu_start = time.perf_counter(), time.process_time()
    work(File(path.open("rb")))
    cost = {"seconds": time.perf_counter() - start, "bytes": peak_memory() - before}
    print(json.dumps(cost | {"cpu_seconds": time.process_time() - cpu_start}))


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
