"""What the worst pictures that the form accepts cost, in processes of their own."""

import json
import os
import struct
import subprocess
import sys
import zlib
from io import BytesIO

import pytest
from PIL import Image

from tools.sites.catalogue import ROOT, STEPS

# What the README promises. Seconds are those of a photo of 48 million pixels, as often as it says.
PHOTO_SECONDS = 0.1
LIMITS = {"web": (0.5, 200), "worker": (10, 500)}  # seconds, megabytes


def saved(image, format, **options):
    content = BytesIO()
    image.save(content, format, **options)
    return content.getvalue()


def segment(marker, content):
    return b"\xff" + marker + struct.pack(">H", 2 + len(content)) + content


def chunk(kind, content):
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def gradient(mode, size):
    return Image.linear_gradient("L").resize(size).convert(mode)


def jpeg_of_segments():
    photoshop = segment(b"\xed", b"Photoshop 3.0\0" + 5_000 * (b"8BIM" + bytes(8)))
    metadata = segment(b"\xe1", bytes(65_000))
    content = saved(gradient("RGB", (64, 64)), "JPEG")
    return content[:2] + 15 * photoshop + 280 * metadata + content[2:]


def jpeg_of_scans():
    content = saved(gradient("CMYK", (7_000, 7_000)), "JPEG", progressive=True)
    scans = content.split(b"\xff\xda")
    again = 100 - len(scans[1:])
    return b"\xff\xda".join([*scans[:-1], *(again * [scans[2]]), scans[-1]])


def png_of_chunks():
    profile = chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(1_000_000), 9))
    content = saved(gradient("RGB", (64, 64)), "PNG")
    return content[:33] + 10 * profile + 19_000 * chunk(b"tEXt", b"x\0" + bytes(900)) + content[33:]


def webp_of_metadata():
    return saved(gradient("RGB", (64, 64)), "WEBP", exif=b"Exif\0\0" + bytes(19_000_000))


def cost(folder, content, way="step"):
    """Return CPU seconds and megabytes."""
    path = folder / "picture"
    path.write_bytes(content)
    result = subprocess.run(
        [sys.executable, "-m", "tools.measure.picture_cost", way, str(path)],
        cwd=STEPS[0].folder,
        env=os.environ
        | {"DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONPATH": str(ROOT)}
        | {"VAR_DIR": str(folder / "var")},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    figures = json.loads(result.stdout)
    return figures["cpu_seconds"], figures["bytes"] / 1e6


@pytest.fixture(scope="module")
def photo_seconds(tmp_path_factory, picture):
    photo = Image.new("RGB", (8_000, 6_000))
    with Image.open(BytesIO(picture)) as quarter:
        for place in [(0, 0), (4_000, 0), (0, 3_000), (4_000, 3_000)]:
            photo.paste(quarter, place)
    seconds, _ = cost(tmp_path_factory.mktemp("photo"), saved(photo, "JPEG"))
    return seconds


@pytest.mark.xdist_group("bombs")
@pytest.mark.parametrize(
    ("process", "make"),
    [
        ("web", jpeg_of_segments),
        ("web", png_of_chunks),
        ("web", webp_of_metadata),
        ("worker", jpeg_of_scans),
        ("worker", lambda: saved(gradient("RGBA", (5_000, 5_000)), "PNG")),
        ("worker", lambda: saved(gradient("RGB", (5_000, 5_000)), "WEBP", method=0)),
    ],
    ids=["segments", "chunks", "metadata", "scans", "PNG", "WebP"],
)
def test_what_the_form_accepts_costs_no_more_than_promised(tmp_path, photo_seconds, process, make):
    content, (most_seconds, most_megabytes) = make(), LIMITS[process]
    assert len(content) < 20 * 1024 * 1024
    check = cost(tmp_path, content, "check")  # and so it is accepted
    seconds, megabytes = check if process == "web" else cost(tmp_path, content)
    assert megabytes < most_megabytes
    assert seconds / photo_seconds < most_seconds / PHOTO_SECONDS


def test_readme_makes_the_promise():
    web, worker = LIMITS["web"], LIMITS["worker"]
    words = (
        f"none that the form accepts costs the web process more than half a second or {web[1]} MB,"
        f" or a worker more than {worker[0]} s or {worker[1]} MB, where a photo of 48 million"
        f" pixels takes {PHOTO_SECONDS} s."
    )
    assert web[0] == 1 / 2
    assert words in " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
