"""Print what a picture costs, as JSON: `python -m tests.cost FILE check` or `... scale`."""

import json
import sys
import time
from io import BytesIO
from pathlib import Path

import django
import psutil
from django.core.exceptions import ValidationError
from django.core.files import File
from django.core.files.uploadedfile import UploadedFile
from PIL import Image

if sys.platform not in ("linux", "win32"):
    import resource


def main(path, kind):
    django.setup()
    from safeguards.pictures import BrokenPicture, PictureField

    from .factories import thumbnail_of

    work = {"check": PictureField().clean, "scale": thumbnail_of}[kind]
    for format in ["JPEG", "PNG", "WEBP"]:  # loads Pillow's code, which is not to be counted
        tiny = BytesIO()
        Image.new("RGB", (8, 8)).save(tiny, format)
        tiny.seek(0)
        thumbnail_of(File(tiny))
    before, start, error = peak_memory(), time.process_time(), None
    try:
        with Path(path).open("rb") as file:
            work(UploadedFile(file, path, size=Path(path).stat().st_size))
    except (ValidationError, BrokenPicture) as refused:
        error = str(refused)
    seconds = time.process_time() - start  # without what other processes take
    megabytes = (peak_memory() - before) / 1e6
    print(json.dumps({"seconds": seconds, "megabytes": megabytes, "error": error}))


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
