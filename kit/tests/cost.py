"""Print what checking and scaling a picture costs, as JSON: `python -m tests.cost FILE`."""

import json
import sys
import time
from io import BytesIO
from pathlib import Path

import django
import psutil
from django.core.files.uploadedfile import UploadedFile
from PIL import Image

if sys.platform not in ("linux", "win32"):
    import resource


def main(path):
    django.setup()
    from .factories import check, thumbnail_of  # after the set-up, like all of a site's modules

    for format in ["JPEG", "PNG", "WEBP"]:  # loads Pillow's code, which is not to be counted
        tiny = BytesIO()
        Image.new("RGB", (8, 8)).save(tiny, format)
        thumbnail_of(BytesIO(tiny.getvalue()))
    costs, before = {}, peak_memory()
    for name, work in [("web", check), ("worker", thumbnail_of)]:
        with Path(path).open("rb") as file:
            start = time.process_time()  # without what other processes take
            work(UploadedFile(file, path, size=Path(path).stat().st_size))
            costs[name] = [time.process_time() - start, (peak_memory() - before) / 1e6]
    print(json.dumps(costs))


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
    main(*sys.argv[1:])
