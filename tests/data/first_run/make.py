# SPDX-License-Identifier: Apache-2.0
"""How run.tar.xz was made: make.py PROGRAM config.yaml, with the program of commit 581e02f, in an empty folder."""
import json
import math
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys

PROGRAM = sys.argv[1]
CLASSES = ("ball", "rod")

def run(*words):
    return subprocess.run([PROGRAM, *words], check=True, capture_output=True, text=True,
                          env={**os.environ, "OMP_NUM_THREADS": "1"}).stdout

def make_clouds():
    draw = random.Random(1)
    for split, count in (("train", 4), ("test", 3)):
        lines = []
        for label, name in enumerate(CLASSES):
            for number in range(count):
                path = pathlib.Path("clouds") / f"{name}_{split}{number}.xyz"
                path.parent.mkdir(exist_ok=True)
                rows = []
                for _ in range(64):  # as many as data.points: none is drawn or left out
                    x, y, z = (draw.gauss(0, 1) for _ in range(3))
                    length = math.sqrt(x * x + y * y + z * z)
                    flat = 1 if label == 0 else 0.15 + 0.05 * number
                    rows.append("%.2f %.2f %.2f" % (flat * x / length, flat * y / length, z / length))
                path.write_text("\n".join(rows) + "\n")
                lines.append(f"{path.name} {label}")
        pathlib.Path(f"{split}.txt").write_text("\n".join(lines) + "\n")
    pathlib.Path("classes.txt").write_text("\n".join(CLASSES) + "\n")

def make_simple(source, target):
    """The same entries with three values a tensor, which compress."""
    data = source.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    body = bytearray(data[8 + size:])
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        values = struct.unpack(f"<{(end - begin) // 4}f", body[begin:end])
        if len(entry["shape"]) < 2 or name.startswith("head."):
            continue
        step = 1.3 * math.sqrt(sum(v * v for v in values) / len(values))
        step = struct.unpack("<f", struct.pack("<f", step))[0]
        body[begin:end] = struct.pack(f"<{len(values)}f", *(step * max(-1, min(1, round(v / step / 1.2))) for v in values))
    target.write_bytes(data[:8 + size] + bytes(body))

make_clouds()
shutil.copy(sys.argv[2], "config.yaml")
run("train", "config.yaml", "model.weights=none", "model.freeze_stages=0", "output=drawn", "train.stop_after_steps=1")
run("export", "--checkpoint", "drawn/checkpoints", "--output", "drawn.safetensors", "--unmerged")
make_simple(pathlib.Path("drawn.safetensors"), pathlib.Path("start.safetensors"))
run("train", "config.yaml", "train.stop_after_steps=3")
print(run("inspect", "checkpoint", "run/checkpoints"))
run("eval", "config.yaml", "--report", "report")
shutil.copytree("run", "kept")
run("train", "config.yaml")
print(run("inspect", "checkpoint", "run/checkpoints", "--digest"))
