"""The recorded runs with pictures of several sizes: what their thumbnails cost."""

from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from ..sites.manage import step_environment
from .frame import SEED
from .pictures import picture, thumbnail_cost
from .runs import STEP4, beside_thirty

PICTURES = [("jpeg", megapixels) for megapixels in [1, 3, 6, 12, 24, 48]]
PICTURES += [("png", megapixels) for megapixels in [1, 3, 6, 12, 24]]  # the form takes no more


def pictures(recording, options):
    """Pictures of several sizes, and the memory that their thumbnails take in a new process."""
    sizes = [size for size in PICTURES if size[1] <= options.megapixels]
    made = {size: picture(*size) for size in recording.track(sizes, "making the pictures")}
    file_bytes = {
        f"{kind}-{megapixels}mp": len(content) for (kind, megapixels), content in made.items()
    }

    def shuffled(each):
        order = [(*key, number) for key in made for number in range(each)]
        return Random(SEED).sample(order, len(order))

    order = shuffled(beside_thirty(10, options))
    with recording.site(STEP4, picture={"file_bytes": file_bytes}) as site:
        for done, (kind, megapixels, number) in enumerate(recording.track(order, "pictures")):
            site.sign_up(f"{kind}-{megapixels}mp-{number}", made[kind, megapixels])
            site.wait(done + 1)
    recording.keep("pictures", [STEP4], site.records, site.settings)

    rows = []
    order = shuffled(beside_thirty(3, options))
    with TemporaryDirectory() as folder:
        path, environment = (
            Path(folder, "picture"),
            step_environment(STEP4, recording.standins, folder),
        )
        for kind, megapixels, _ in recording.track(order, "pictures_memory"):
            path.write_bytes(made[kind, megapixels])
            cost = thumbnail_cost("step", path, STEP4, environment)
            rows.append({"format": kind, "megapixels": megapixels} | cost)
    settings = {"picture": {"file_bytes": file_bytes}}
    recording.keep_rows("pictures_memory", rows, [STEP4], len(rows), settings)
    most = max(rows, key=lambda row: row["bytes"])
    recording.console.print(f"pictures_memory, most: {most}", soft_wrap=True)
