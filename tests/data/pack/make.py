#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two packs as modelnet40_ply_hdf5_2048 has them, of the clouds of clouds.py: python3 make.py, with numpy and h5py, in this folder."""
import clouds
import h5py
import numpy

for split in ("train", "test"):
    shapes = clouds.shapes(split)
    with h5py.File(f"ply_data_{split}0.h5", "w") as pack:
        pack.create_dataset("data", data=numpy.array([points for _, points in shapes], "f4"), compression="gzip", track_times=False)
        pack.create_dataset("label", data=numpy.array([[label] for label, _ in shapes], "u1"), track_times=False)
with open("shape_names.txt", "w") as out:
    out.write("".join(name + "\n" for name in clouds.NAMES))
