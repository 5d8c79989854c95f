"""Pictures that are far more work, or take far more memory, than their bytes and pixels tell.

Everything here goes by the parts that a file is made of, without decoding any. Real photos have
fewer than a hundred segments and twenty scans; a PNG of 20 MB has some thousand chunks.
"""

import re
from collections import Counter
from itertools import islice

MAX_SEGMENTS = 1_000  # of a JPEG, before its first scan
MAX_TABLES = 20  # segments among them that Pillow takes to pieces
MAX_JUNK = 100_000  # bytes between them, which Pillow skips one by one
MAX_SCANS = 100
MAX_CHUNKS = 20_000  # of a PNG or WebP
MAX_PROFILES = 10  # colour profiles of a PNG: a few bytes each that become a megabyte

MARKER = re.compile(rb"\xff([^\x00\xff])")
SCAN = b"\xff\xda"
# Decoders refuse a scan whose length does not fit its number of components. The marker alone is
# also in the video that some phones put after the picture, about once in 65,536 bytes.
SCAN_HEADER = re.compile(rb"\xff\xda\x00[\x06\x08\x0a\x0c\x0e][\x00-\x04]")
WITHOUT_LENGTH = range(0xD0, 0xDA)  # the marker is the whole segment
ARITHMETIC = range(0xC9, 0xD0)  # coded in a way in which a bit may stand for a whole block
# Quantization tables, Exif data, and what Photoshop saves.
TABLE = re.compile(rb"\xff(\xdb|\xe1..Exif|\xed)", re.DOTALL)


def is_bomb(content):
    """Return whether a picture's file has more parts than any real one."""
    if content.startswith(b"\xff\xd8"):
        return is_jpeg_bomb(content)
    kinds = Counter(islice(chunks(content), MAX_CHUNKS + 1))
    return kinds.total() > MAX_CHUNKS or kinds[b"iCCP"] > MAX_PROFILES


def is_jpeg_bomb(content):
    position, segments, tables, junk = 2, 0, 0, 0
    while (marker := MARKER.search(content, position)) and marker[0] != SCAN:
        segments += 1
        tables += bool(TABLE.match(content, marker.start()))
        junk += marker.start() - position
        position = marker.end()
        kind = marker[1][0]
        if kind not in WITHOUT_LENGTH:
            position += int.from_bytes(content[position : position + 2], "big")
        if kind in ARITHMETIC or segments > MAX_SEGMENTS or tables > MAX_TABLES or junk > MAX_JUNK:
            return True
    junk += (marker.start() if marker else len(content)) - position
    scans = islice(SCAN_HEADER.finditer(content), MAX_SCANS + 1)
    return junk > MAX_JUNK or len(list(scans)) > MAX_SCANS


def is_lossless_webp(content):
    """Return whether a WebP is lossless or transparent, as far as its first MAX_CHUNKS tell."""
    return not {b"VP8L", b"ALPH"}.isdisjoint(islice(chunks(content), MAX_CHUNKS))


def chunks(content):
    """Yield the kind of each chunk of a PNG or WebP."""
    position = 8
    while content.startswith(b"\x89PNG") and position < len(content):
        size, kind = content[position : position + 4], content[position + 4 : position + 8]
        yield kind
        position += 12 + int.from_bytes(size, "big")
    position = 12
    while content.startswith(b"RIFF") and position < len(content):
        kind, size = content[position : position + 4], content[position + 4 : position + 8]
        yield kind
        if kind == b"ANMF":  # a picture of an animation, which is a chunk in the chunk
            yield content[position + 24 : position + 28]
        size = int.from_bytes(size, "little")
        position += 8 + size + size % 2
