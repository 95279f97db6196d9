# SPDX-License-Identifier: Apache-2.0
"""Small files of every kind that is read, and what people have instead of them: contents by name."""
import os
import random
import struct

POINTS = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
TRIANGLES = [(0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3)]
HTML = b"<!DOCTYPE html>\n<html><body>404</body></html>\n"


def rows(values, separator=" "):
    return "".join(separator.join(map(str, row)) + "\n" for row in values)


def off(header="OFF\n4 4 0\n", points=rows(POINTS), faces=rows((3, *t) for t in TRIANGLES)):
    return (header + points + faces).encode()


def ply(form="ascii", count=4, body=rows(POINTS).encode()):
    return (f"ply\nformat {form} 1.0\nelement vertex {count}\nproperty float x\nproperty float y\nproperty float z\n"
            "end_header\n").encode() + body


def pcd(count=4, body=rows(POINTS)):
    return (f"VERSION .7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\nWIDTH {count}\nHEIGHT 1\n"
            f"POINTS {count}\nDATA ascii\n" + body).encode()


def npy(shape="(4, 3)", kind="<f4", body=b"".join(struct.pack("<3f", *p) for p in POINTS)):
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + body


OFF = off()
BINARY = b"".join(struct.pack("<3f", *p) for p in POINTS)
OBJ = "".join("v " + row for row in rows(POINTS).splitlines(True)) + "f 1 2//1 -1\n"


def odd_names(ending):
    return [name + ending for name in ("plain", "two  words", "it's", "a \"quoted\" one", "a,b;c", "-n", "größe 水", "$HOME `x` *",
                                       "100%", "a\\b", "x=1", "(1)")] + ["line\nbreak" + ending, "UPPER" + ending.upper()]


def good_clouds():
    """Without a line break in a name: a list has none."""
    return {**{name: OFF for name in odd_names(".off") if "\n" not in name},
            "crlf.off": OFF.replace(b"\n", b"\r\n"), "glued.off": off("OFF4 4 0\n"), "wordless.off": off("4 4 0\n"),
            "a.ply": ply(), "b.ply": ply("binary_little_endian", 4, BINARY), "a.pcd": pcd(), "a.npy": npy(),
            "a.obj": OBJ.encode(), "a.xyz": rows(POINTS).encode(), "a.txt": rows(POINTS, ",").encode(),
            "semicolons.txt": b"//X;Y;Z\n" + rows(POINTS, ";").encode(), "ply.off": ply(), "off.dat": OFF, "off.npy": OFF,
            "bom.xyz": b"\xef\xbb\xbf" + rows(POINTS).encode(), "double.npy": npy(kind="<f8", body=bytes(96))}


def bad_clouds():
    return {"empty.off": b"", "html.off": HTML, "cut.off": OFF[:-9], "nan.off": OFF.replace(b"0 0 1", b"0 0 nan"),
            "far.off": OFF.replace(b"3 1 2 3", b"3 1 2 9"), "huge.off": off("OFF\n999999999999 4 0\n"),
            "short.off": OFF.replace(b"0 1 0", b"0 1"), "zeros.off": bytes(300), "png.OFF": b"\x89PNG\r\n\x1a\n" + bytes(64),
            "cut.ply": ply("binary_little_endian", 4, BINARY[:-5]), "huge.ply": ply(count=10 ** 11), "html.ply": HTML,
            "nan.ply": ply(body=b"0 0 nan\n" * 4), "huge.pcd": pcd(10 ** 10), "cut.pcd": pcd()[:-4], "cut.npy": npy()[:-5],
            "thin.npy": npy("(6, 2)"), "flat.npy": npy("(12,)"), "wide.npy": npy("(3, 40)", body=bytes(480)),
            "object.npy": npy(kind="|O"), "huge.npy": npy("(99999999999, 3)"), "nan.npy": npy(body=b"\0\0\xc0\x7f" * 12),
            "far.obj": b"v 0 0 0\nf 1 2 3\n", "html.obj": HTML, "two.xyz": b"1 2\n3 4\n", "words.xyz": b"one two three\n",
            "ragged.xyz": b"1 2 3\n4 5 6 7\n", "comma.xyz": b"1,5 2,5 3,5\n", "nan.txt": b"1 2 nan\n4 5 6\n",
            "stl.ply": b"solid x\n facet normal 0 0 1\n", "zip.npz": b"PK\x03\x04" + bytes(30),
            "utf16.xyz": "1 2 3\n".encode("utf-16"), "list.off": b"a.off 1\nb.off 2\n"}


def box(kind, body):
    return struct.pack(">I4s", len(body) + 8, kind) + body


def boxes(data, path):
    """The body of the first MP4 box at a path of kinds."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if kind == path[0]:
            body = data[at + 8:at + size]
            return body if len(path) == 1 else boxes(body, path[1:])
        at += size
    raise KeyError(path)


def h264_of(mp4):
    """The configuration record and the frames, each as units behind their lengths, of an MP4 of one H.264 stream."""
    table = boxes(mp4, [b"moov", b"trak", b"mdia", b"minf", b"stbl"])
    entry = boxes(table, [b"stsd"])
    record = boxes(entry[8 + 8 + 78:], [b"avcC"])
    sizes = boxes(table, [b"stsz"])
    count = struct.unpack_from(">I", sizes, 8)[0]
    frames, at = [], struct.unpack_from(">I", boxes(table, [b"stco"]), 8)[0]
    for size in struct.unpack_from(f">{count}I", sizes, 12):
        frames.append(mp4[at:at + size])
        at += size
    return record, frames


def annex_b(mp4):
    record, frames = h264_of(mp4)
    units, at = [], 6
    length = struct.unpack_from(">H", record, at)[0]
    units.append(record[at + 2:at + 2 + length])
    at += 3 + length
    units.append(record[at + 2:at + 2 + struct.unpack_from(">H", record, at)[0]])
    for frame in frames:
        at = 0
        while at < len(frame):
            length = struct.unpack_from(">I", frame, at)[0]
            units.append(frame[at + 4:at + 4 + length])
            at += 4 + length
    return b"".join(b"\0\0\0\1" + unit for unit in units)


def flv(mp4):
    record, frames = h264_of(mp4)
    out = b"FLV\x01\x01\0\0\0\x09\0\0\0\0"
    for number, (kind, data) in enumerate([(0, record), *((1, frame) for frame in frames)]):
        time = max(0, number - 1) * 40
        body = struct.pack(">BB", 0x17 if number < 2 else 0x27, kind) + b"\0\0\0" + data
        out += b"\x09" + struct.pack(">I", len(body))[1:] + struct.pack(">I", time)[1:] + bytes(4) + body
        out += struct.pack(">I", len(body) + 11)
    return out


def avi(frames=8, width=32, height=32):
    """Uncompressed: rows of BGR from the bottom up."""
    def chunk(kind, body):
        return kind + struct.pack("<I", len(body)) + body
    size = width * height * 3
    header = struct.pack("<14I", 40000, 0, 0, 0x10, frames, 0, 1, size, width, height, 0, 0, 0, 0)
    stream = struct.pack("<4s4sIHHIIIIIIIIHHHH", b"vids", b"DIB ", 0, 0, 0, 0, 1, 25, 0, frames, size, 0, 0, 0, 0, width, height)
    picture = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, size, 0, 0, 0, 0)
    lists = chunk(b"LIST", b"hdrl" + chunk(b"avih", header) + chunk(
        b"LIST", b"strl" + chunk(b"strh", stream) + chunk(b"strf", picture)))
    lists += chunk(b"LIST", b"movi" + b"".join(chunk(b"00db", bytes([i * 9]) * size) for i in range(frames)))
    return b"RIFF" + struct.pack("<I", len(lists) + 4) + b"AVI " + lists


def y4m(frames=8, width=32, height=32, seed=0):
    """Noise."""
    noise = random.Random(seed)
    return f"YUV4MPEG2 W{width} H{height} F25:1 C420jpeg\n".encode() + b"".join(
        b"FRAME\n" + noise.randbytes(width * height * 3 // 2) for _ in range(frames))


def good_videos(whole):
    return {**{name: whole for name in odd_names(".mp4") if "\n" not in name}, "a.MOV": whole, "a.m4v": whole, "a.avi": whole,
            "b.avi": avi(), "a.flv": flv(whole), "a.h264": annex_b(whole), "a.y4m": y4m(), "a.mkv": avi(), "a.mp4": y4m(),
            "mp4.bin": whole}


def bad_videos(whole):
    return {"empty.mp4": b"", "html.mp4": HTML, "words.mkv": b"no video at all\n" * 50, "cut.mp4": whole[:len(whole) * 6 // 10],
            "head.mp4": whole[:40], "zeros.avi": bytes(5000), "png.mp4": b"\x89PNG\r\n\x1a\n" + bytes(640),
            "riff.avi": avi()[:100], "flv.flv": flv(whole)[:20], "table.mp4": whole.replace(b"stco", b"xtco"),
            "moov.mp4": whole.replace(b"moov", b"mooo"), "ebml.webm": b"\x1aE\xdf\xa3" + bytes(100),
            "header.y4m": y4m()[:50], "huge.y4m": b"YUV4MPEG2 W99999 H99999 F25:1\nFRAME\n" + bytes(100),
            "list.mp4": b"a.mp4 0\nb.mp4 1\n", "id3.mp4": b"ID3\x03" + bytes(400), "gif.gif": b"GIF89a" + bytes(3)}


def write_all(folder, contents):
    """Contents by name; None: what lies there already."""
    for name, content in contents.items():
        if content is not None:
            (folder / name).write_bytes(content)


def add_odd_places(folder, ending, good, bad):
    """A link to a good file; a dangling link, one to itself and a pipe, which are bad."""
    (folder / f"dangling.{ending}").symlink_to("nowhere")
    (folder / f"itself.{ending}").symlink_to(f"itself.{ending}")
    os.mkfifo(folder / f"pipe.{ending}")
    for word in ("dangling", "itself", "pipe"):
        bad[f"{word}.{ending}"] = None
    (folder / f"link.{ending}").symlink_to(f"plain.{ending}")
    good[f"link.{ending}"] = None
