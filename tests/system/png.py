# SPDX-License-Identifier: Apache-2.0
"""Grey PNG files of 8 bits, read with the standard library alone (PNG specification, second edition)."""
import struct
import zlib


def chunks(data):
    at = 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        if zlib.crc32(kind + body) != struct.unpack(">I", data[at + 8 + size:at + 12 + size])[0]:
            raise ValueError(f"checksum of {kind}")
        yield kind, body
        at += 12 + size


def paeth(left, up, corner):
    guess = left + up - corner
    return min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]


def read_grey(path):
    """Width, height and rows of levels."""
    data = path.read_bytes()
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("no PNG")
    packed = b""
    for kind, body in chunks(data):
        if kind == b"IHDR":
            width, height, bits, colour, *_ = struct.unpack(">IIBBBBB", body)
            if (bits, colour) != (8, 0):
                raise ValueError(f"{bits} bits of colour type {colour}")
        elif kind == b"IDAT":
            packed += body
    raw = zlib.decompress(packed)
    above, rows = [0] * width, []
    for number in range(height):
        line = raw[number * (width + 1):(number + 1) * (width + 1)]
        row = []
        for i, byte in enumerate(line[1:]):
            left, corner = (row[i - 1], above[i - 1]) if i else (0, 0)
            guess = (0, left, above[i], (left + above[i]) // 2, paeth(left, above[i], corner))[line[0]]
            row.append((byte + guess) & 255)
        rows.append(row)
        above = row
    return width, height, rows


def write_rgb(path, width, height, pixel):
    """A PNG of 8 bits a channel; pixel(x, y) gives (red, green, blue)."""
    raw = b"".join(b"\0" + bytes(v for x in range(width) for v in pixel(x, y)) for y in range(height))

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
                     + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))
