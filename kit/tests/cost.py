"""Print what checking and scaling a picture costs, as JSON: `python -m tests.cost FILE`."""

import json
import sys
import time
from pathlib import Path

import django
from django.core.files.uploadedfile import UploadedFile
from each_step.picture_cost import peak_memory, tiny_pictures


def main(path):
    django.setup()
    from .factories import check, thumbnail_of  # after the set-up, like all of a site's modules

    for tiny in tiny_pictures():  # loads Pillow's code, which is not to be counted
        thumbnail_of(tiny)
    costs, before = {}, peak_memory()
    for name, work in [("web", check), ("worker", thumbnail_of)]:
        with Path(path).open("rb") as file:
            start = time.process_time()  # without what other processes take
            work(UploadedFile(file, path, size=Path(path).stat().st_size))
            costs[name] = [time.process_time() - start, (peak_memory() - before) / 1e6]
    print(json.dumps(costs))


if __name__ == "__main__":
    main(*sys.argv[1:])
