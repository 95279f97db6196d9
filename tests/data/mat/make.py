#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Volumes as SciPy writes them, and what they hold: python3 make.py, with numpy and scipy, in this folder."""
import json

import numpy
import scipy.io

cells = (numpy.arange(27).reshape(3, 3, 3) * 7 % 5 == 0).astype(numpy.int8)  # [x, y, z]
points = numpy.arange(12.0).reshape(4, 3)
files = {
    "int8.mat": ({"instance": cells}, True),
    "plain.mat": ({"instance": cells}, False),
    "double.mat": ({"v": cells.astype(float)}, True),
    "logical.mat": ({"v": cells.astype(bool)}, False),
    "others.mat": ({"notes": "text", "points": points, "first": 1 - cells, "instance": cells, "s": {"a": 1}}, True),
    "points.mat": ({"points": points}, True),
    "two.mat": ({"a": cells, "b": cells}, False),
    "flat.mat": ({"instance": cells[:, :2]}, False),
    "values.mat": ({"instance": cells * 3}, True),
    "empty.mat": ({"instance": cells * 0}, True),
    "complex.mat": ({"instance": cells * 1j}, False),
}
for name, (arrays, packed) in files.items():
    scipy.io.savemat(name, arrays, do_compression=packed)
full = numpy.argwhere(cells)
with open("expected.json", "w") as out:
    json.dump({"full": full.tolist()}, out)
    out.write("\n")
