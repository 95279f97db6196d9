# SPDX-License-Identifier: Apache-2.0
"""Weights and inputs given by a formula (written out in tests/support/golden_formula.h), and the two
file formats they travel in. Standard library only: 32-bit arithmetic runs on long integers that hold
one value every 64 bits, so that tens of millions of values take seconds."""
import array
import collections
import io
import json
import math
import pickle
import struct
import sys
import types
import zipfile
import zlib

PIECE = 1 << 15  # values a long integer
ONES = int.from_bytes(b"\1\0\0\0\0\0\0\0" * PIECE, "little")
MASK = ONES * 0xFFFFFFFF
LOW = {16: ONES * 0xFFFF, 13: ONES * 0x7FFFF}  # what a shift to the right leaves of 32 bits
COUNT = int.from_bytes(array.array("Q", range(PIECE)).tobytes(), "little")


def mix(x):
    """The finaliser of the formula, on every value of a piece at once."""
    x ^= (x >> 16) & LOW[16]
    x = (x * 0x85EBCA6B) & MASK
    x ^= (x >> 13) & LOW[13]
    x = (x * 0xC2B2AE35) & MASK
    return x ^ ((x >> 16) & LOW[16])


INDICES = {}  # first index of a piece -> mix of its indices: the same for every name


def noise(name, size):
    """r(name, 0 .. size - 1), in [-1, 1)."""
    key = ONES * zlib.crc32(name.encode())
    values = []
    for begin in range(0, size, PIECE):
        if begin not in INDICES:
            INDICES[begin] = mix(COUNT + ONES * begin)
        piece = array.array("Q", mix(INDICES[begin] ^ key).to_bytes(8 * PIECE, "little"))
        values.extend([((k >> 8) - 8388608) / 8388608 for k in piece[:size - begin]])
    return values


def range_of(name, shape):
    """Centre and amplitude of an entry."""
    for end, pair in ((".running_mean", (0, 2**-6)), (".running_var", (2**-8, 2**-9)),
                      (".act.1.gamma", (0.25, 0.5)), (".act.1.beta", (0, 0.25)),
                      (".gamma", (0.125, 0.0625))):
        if name.endswith(end):
            return pair
    stem = name.startswith("downsample_layers.")
    if name.endswith(".bias"):
        if ".dwconv." in name:
            return 0, 2**-6
        return 0, 2**-7 if stem and name.endswith((".0.bias", ".3.bias")) else 0.25
    if len(shape) == 1:
        return (2**-5, 2**-6) if ".dwconv." in name else (1, 0.5)
    gain = 2**-5 if stem else next(
        (g for part, g in ((".dwconv.", 2**-4), (".se.", 2), (".pwconv1.", 2), (".pwconv2.", 2**-4))
         if part in name), 1)
    return 0, gain * math.sqrt(3.0 / math.prod(shape[1:]))


def entry_bytes(name, shape):
    if name.endswith("num_batches_tracked"):
        return bytes(8)
    centre, amplitude = range_of(name, shape)
    return floats(centre + amplitude * r for r in noise(name, math.prod(shape)))


def floats(values):
    packed = array.array("f", values)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def write_weights(path, entries):
    """A safetensors file of the entries [name, shape, "f32" or "i64", CRC-32 in hex], each checked."""
    header, offset = {}, 0
    for name, shape, kind, _ in entries:
        end = offset + math.prod(shape) * (4 if kind == "f32" else 8)
        header[name] = {"dtype": {"f32": "F32", "i64": "I64"}[kind], "shape": shape,
                        "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, shape, _, crc in entries:
            data = entry_bytes(name, shape)
            if f"{zlib.crc32(data):08x}" != crc:
                raise ValueError(f"{name} is not what the formula gives")
            file.write(data)


def stand_in(module, name):
    """A class that pickles as module.name, which need not be installed."""
    made = type(name, (), {"__module__": module})
    parts = module.split(".")
    for i in range(len(parts)):
        sys.modules.setdefault(".".join(parts[:i + 1]), types.ModuleType(".".join(parts[:i + 1])))
    setattr(sys.modules[module], name, made)
    return made


class Tensor:
    """Pickles as torch.save has it: a call of torch's own function on a storage by its key."""

    def __init__(self, key, kind, shape):
        self.key, self.kind, self.shape = key, kind, shape

    def __reduce__(self):
        strides = tuple(math.prod(self.shape[i + 1:]) for i in range(len(self.shape)))
        return REBUILD, (Storage(self), 0, tuple(self.shape), strides, False, collections.OrderedDict())


class Storage:
    def __init__(self, tensor):
        self.tensor = tensor


class Pickler(pickle._Pickler):  # the one in Python, which looks names up in modules only
    def persistent_id(self, obj):
        if not isinstance(obj, Storage):
            return None
        tensor = obj.tensor
        return "storage", KINDS[tensor.kind], tensor.key, "cpu", math.prod(tensor.shape)


REBUILD = stand_in("torch._utils", "_rebuild_tensor_v2")
KINDS = {"f32": stand_in("torch", "FloatStorage"), "i64": stand_in("torch", "LongStorage")}


def write_pth(path, entries, root="model"):
    """The same entries as torch.save({root: state dict}) lays them out."""
    with zipfile.ZipFile(path, "w") as archive:
        tensors = collections.OrderedDict()
        for key, (name, shape, kind, _) in enumerate(entries):
            tensors[name] = Tensor(str(key), kind, shape)
            archive.writestr(f"w/data/{key}", entry_bytes(name, shape))
        pickled = io.BytesIO()
        Pickler(pickled, protocol=2).dump({root: tensors})
        archive.writestr("w/data.pkl", pickled.getvalue())
        archive.writestr("w/byteorder", "little")
        archive.writestr("w/version", "3\n")


def write_npy(path, shape, data):
    words = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {tuple(shape)}, }}"
    words += " " * (-(len(words) + 11) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\1\0" + struct.pack("<H", len(words)) + words.encode() + data)


def read_array(path):
    """Shape and values, flat, of a float32 array."""
    data = path.read_bytes()
    length = struct.unpack("<H", data[8:10])[0]
    words = data[10:10 + length].decode().split("(")[1].split(")")[0]
    return [int(n) for n in words.split(",") if n.strip()], array.array("f", data[10 + length:])


def read_safetensors(path):
    """Name -> shape and values, flat, of a file of float32 tensors."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8:8 + length]).items():
        if name != "__metadata__":
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            tensors[name] = entry["shape"], array.array("f", data[begin:end])
    return tensors


def read_npy(path):
    """The rows of a two-dimensional float32 array."""
    data = path.read_bytes()
    length = struct.unpack("<H", data[8:10])[0]
    words = data[10:10 + length].decode()
    rows, columns = (int(n) for n in words.split("(")[1].split(")")[0].split(","))
    values = array.array("f", data[10 + length:])
    assert len(values) == rows * columns, words
    return [values[i * columns:(i + 1) * columns].tolist() for i in range(rows)]


def layered_noise(name, shape, side):
    """Fine noise, noise of square blocks and a level a plane; the blocks are `side` pixels wide."""
    height, width = shape[-2:]
    planes = math.prod(shape[:-2])
    across, down = -(-width // side), -(-height // side)
    fine, coarse = noise(name, planes * height * width), noise(name + ".coarse", planes * across * down)
    level = noise(name + ".mean", planes)
    return floats(0.5 * fine[(m * height + h) * width + w]
                  + coarse[(m * down + h // side) * across + w // side] + 0.5 * level[m]
                  for m in range(planes) for h in range(height) for w in range(width))
