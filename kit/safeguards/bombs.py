"""The parts of a picture's file that its pixels need.

A few kilobytes of metadata can cost Pillow hundreds of megabytes, because it reads and parses them
when it opens a file. So Pillow gets the file without them, and reads only the parts counted here.
"""

import re
import struct
from contextlib import suppress
from zlib import crc32

MAX_PARTS = 20_000  # a PNG of 20 MB has some thousands, a JPEG fewer than a hundred
MAX_TABLES = 100_000  # bytes of tables and palettes; most files have fewer than 2,000
MAX_SCANS = 100  # of a JPEG, each of which is work for all its pixels; real ones have up to twenty

MARKER = re.compile(rb"\xff([^\x00\xff])")
SCAN, END = b"\xff\xda", b"\xff\xd9"
SCAN_OR_END = re.compile(rb"\xff[\xda\xd9]")
WITHOUT_LENGTH = range(0xD0, 0xDA)  # the marker is the whole segment
# Of each, every decoder reads the length: frames, tables, and the interval of restarts. No frame
# with arithmetic coding, in which a bit may stand for a whole block.
JPEG_PARTS = {0xC0, 0xC1, 0xC2, 0xC4, 0xDB, 0xDD}
JPEG_COLOURS = {(0xE0, b"JFIF\0"), (0xEE, b"Adobe")}
PNG_PARTS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
WEBP_PARTS = {b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"}
PIXELS = {b"IDAT", b"VP8 ", b"VP8L", b"ALPH", b"ANMF"}


def pixels_only(content):
    """Return a picture's file with nothing but its pixels and which side of it is up.

    Raises ValueError if it isn't a JPEG, PNG or WebP, is cut off, or has more parts than real ones.
    """
    if content.startswith(b"\xff\xd8"):
        return jpeg(content)
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return png(content)
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return webp(content)
    raise ValueError("no JPEG, PNG or WebP")


def jpeg(content):
    kept, exif, position = [], b"", 2
    for _ in range(MAX_PARTS):
        marker = MARKER.search(content, position)
        if not marker:
            raise ValueError("cut off before its pixels")
        kind, start, position = marker[1][0], marker.end(), marker.end()
        if marker[0] == SCAN:
            break
        if kind not in WITHOUT_LENGTH:
            position += int.from_bytes(content[start : start + 2], "big")
            if position < start + 2:  # a decoder would take what follows for the length
                raise ValueError("a segment without its length")
        if kind in JPEG_PARTS or (kind, content[start + 2 : start + 7]) in JPEG_COLOURS:
            kept.append(content[marker.start() : position])
        elif not exif and kind == 0xE1 and content.startswith(b"Exif\0\0", start + 2):
            data = b"Exif\0\0" + orientation_only(content[start + 8 : position])
            exif = marker[0] + struct.pack(">H", 2 + len(data)) + data
    else:
        raise ValueError("too many segments")
    limit_tables(kept)
    end = None
    for scans, found in enumerate(SCAN_OR_END.finditer(content, marker.start())):
        # The decoder also stops here. The video that some phones put behind it may look like scans.
        if found[0] == END:
            end = found.end()
            break
        if scans == MAX_SCANS:
            raise ValueError("too many scans")
    return b"".join([content[:2], exif, *kept, content[marker.start() : end]])


def png(content):
    kept, exif = [], b""
    for kind, part in png_chunks(content):
        if kind in PNG_PARTS:
            kept.append(part)
        elif kind == b"eXIf" and not exif:
            data = orientation_only(part[8:])
            exif = struct.pack(">I", len(data)) + kind + data
            exif += struct.pack(">I", crc32(exif[4:]))
    limit_tables(part for part in kept if part[4:8] not in PIXELS)
    return b"".join([content[:8], *kept[:1], exif, *kept[1:]])


def webp(content):
    kept, exif = [], b""
    for kind, part in webp_chunks(content):
        if kind in WEBP_PARTS:
            kept.append(part)
        elif kind == b"EXIF" and not exif:
            data = orientation_only(part[8:].removeprefix(b"Exif\0\0"))
            exif = kind + struct.pack("<I", len(data)) + data
    limit_tables(part for part in kept if part[:4] not in PIXELS)
    kept = b"".join([b"WEBP", *kept, exif])
    return b"RIFF" + struct.pack("<I", len(kept)) + kept


def is_lossless_webp(content):
    """Return whether a WebP, or a frame of an animated one, is lossless or transparent."""
    for kind, part in webp_chunks(content) if content.startswith(b"RIFF") else []:
        if kind == b"ANMF":  # a frame, whose chunks are in the chunk
            kind = part[24:28]
        if kind in (b"VP8L", b"ALPH"):
            return True
    return False


def png_chunks(content):
    """Yield the kind of each chunk of a PNG, and the chunk."""
    position, kind = 8, b""
    for _ in range(MAX_PARTS):
        if kind == b"IEND":
            return
        size, kind = content[position : position + 4], content[position + 4 : position + 8]
        end = position + 12 + int.from_bytes(size, "big")
        if end > len(content):
            raise ValueError("cut off")
        yield kind, content[position:end]
        position = end
    raise ValueError("too many chunks")


def webp_chunks(content):
    """Yield the kind of each chunk of a WebP, and the chunk."""
    position, end_of_file = 12, 8 + int.from_bytes(content[4:8], "little")
    for _ in range(MAX_PARTS):
        if position >= end_of_file:
            return
        kind, size = content[position : position + 4], content[position + 4 : position + 8]
        end = position + 8 + int.from_bytes(size, "little")
        if end > len(content):
            raise ValueError("cut off")
        end += end % 2
        yield kind, content[position:end]
        position = end
    raise ValueError("too many chunks")


def orientation_only(exif):
    """Return Exif data with the orientation only; upright if the data are damaged."""
    orientation = 1
    with suppress(struct.error, KeyError):
        order = {b"II": "<", b"MM": ">"}[exif[:2]]
        [start] = struct.unpack_from(order + "I", exif, 4)
        [count] = struct.unpack_from(order + "H", exif, start)
        for position in range(start + 2, start + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(order + "HHIH", exif, position)
            if tag == 0x0112:
                orientation = value
                break
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def limit_tables(parts):
    if sum(map(len, parts)) > MAX_TABLES:
        raise ValueError("too many tables")
