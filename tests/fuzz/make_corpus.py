# SPDX-License-Identifier: Apache-2.0
"""Small valid files for the fuzz targets to begin with: make_corpus.py FOLDER writes FOLDER/pth and
FOLDER/safetensors. Standard library only."""
import collections
import io
import json
import pathlib
import struct
import sys
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
import golden_weights  # noqa: E402

ENTRIES = [["head.weight", [2, 3], "f32", None], ["head.bias", [2], "f32", None],
           ["norm.num_batches_tracked", [], "i64", None]]


def pickled(root, protocol):
    data = io.BytesIO()
    golden_weights.Pickler(data, protocol=protocol).dump(root)
    return data.getvalue()


def state_dict(prefix=""):
    return collections.OrderedDict(
        (prefix + name, golden_weights.Tensor(str(key), kind, shape))
        for key, (name, shape, kind, _) in enumerate(ENTRIES))


def members(root, protocol):
    yield "w/data.pkl", pickled(root, protocol)
    yield "w/byteorder", b"little"
    for key, (name, shape, _, _) in enumerate(ENTRIES):
        yield f"w/data/{key}", golden_weights.entry_bytes(name, shape)
    yield "w/version", b"3\n"


def with_zip64_end(archive):
    """The same archive with its end told by zip64 records, as torch's own writer has it."""
    end = archive.rindex(b"PK\5\6")
    count, size, begin = struct.unpack("<HII", archive[end + 10:end + 20])
    wide = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, begin)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, end, 1)
    return archive[:end] + wide + locator + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF,
                                                        0xFFFFFFFF, 0)


def pth(root, protocol=2, aligned=False):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members(root, protocol):
            info = zipfile.ZipInfo(name)
            if aligned:  # torch pads its local headers by a field of this kind
                info.extra = b"FB" + struct.pack("<H", 16) + b"Z" * 16
            archive.writestr(info, data)
    return file.getvalue()


def safetensors(tensors, notes=None):
    header, data = ({"__metadata__": notes} if notes else {}), b""
    for name, kind, shape, values in tensors:
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def write(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def main(folder):
    wrapped = state_dict("module.")
    write(folder / "pth", {
        **{f"protocol{p}": pth({"model": state_dict()}, p) for p in (2, 3, 4, 5)},
        "bare": pth(state_dict()),
        "wrapped": pth({"epoch": 300, "lr": 1e-3, "best": None, "args": [1, 2, (True, "x")], "state_dict": wrapped}),
        "zip64": with_zip64_end(pth({"model_ema": state_dict()}, aligned=True)),
    })
    every = [(kind.lower(), kind, [2], bytes(range(2 * size))) for kind, size in
             (("F64", 8), ("F32", 4), ("F16", 2), ("BF16", 2), ("I64", 8), ("U8", 1), ("BOOL", 1))]
    write(folder / "safetensors", {
        "every": safetensors(every, {"format": "pt"}),
        "one": safetensors([("head.weight", "F32", [2, 3], bytes(24)), ("head.bias", "F32", [2], bytes(8))]),
        "empty": safetensors([]),
        "scalar": safetensors([("a", "F32", [], bytes(4)), ("none", "F16", [0, 3], b"")]),
    })


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
