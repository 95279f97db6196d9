# SPDX-License-Identifier: Apache-2.0
"""Trains a plain residual 3-D network on ModelNet-40 in PyTorch: what a user gets in the same minutes.

cloud.py FOLDER MINUTES [SEED [GRID [WIDTH [THREADS]]]]      FOLDER: CLASS/{train,test}/*.npy, float32 [1024,3]
Occupancy grids, the same scaling and shifts, smoothing, AdamW, decay and cosine as configs/modelnet40_30min.yaml; epochs
are what fits, measured on a copy beforehand, and the schedule runs to its end. HOLDOUT=0.1 keeps a tenth of each class out
of training and scores that; without it the last weights are scored on the test split, once. BF16=1: under autocast.
"""
import os
import pathlib
import sys

import numpy
import torch
from torch import nn

from training import Training


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.first = nn.Sequential(nn.Conv3d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm3d(outputs), nn.ReLU())
        self.second = nn.Sequential(nn.Conv3d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm3d(outputs))
        self.short = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.short = nn.Sequential(nn.Conv3d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm3d(outputs))

    def forward(self, x):
        return torch.relu(self.second(self.first(x)) + self.short(x))


def network(width, classes):
    return nn.Sequential(
        nn.Conv3d(1, width, 5, 2, 2, bias=False), nn.BatchNorm3d(width), nn.ReLU(),
        Block(width, 2 * width, 2), Block(2 * width, 2 * width, 1),
        Block(2 * width, 4 * width, 2), Block(4 * width, 4 * width, 1),
        Block(4 * width, 8 * width, 2),
        nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Dropout(0.3), nn.Linear(8 * width, classes))


def load(folder, split):
    classes = sorted(path.name for path in pathlib.Path(folder).iterdir() if path.is_dir())
    clouds, labels = [], []
    for label, name in enumerate(classes):
        for file in sorted((pathlib.Path(folder) / name / split).glob("*.npy")):
            clouds.append(normalised(numpy.load(file)))
            labels.append(label)
    return torch.from_numpy(numpy.stack(clouds).astype("float32")), torch.tensor(labels), classes


def held_out(labels, share):
    """Which samples are trained on: all but `share` of each class, the same for every seed."""
    kept = torch.ones(len(labels), dtype=torch.bool)
    draw = torch.Generator().manual_seed(0)
    for label in labels.unique():
        own = (labels == label).nonzero().flatten()
        kept[own[torch.randperm(len(own), generator=draw)[: round(share * len(own))]]] = False
    return kept


def occupancy(points, grid):
    """[N,P,3] in the unit sphere to [N,1,G,G,G]; what lies outside is cut off."""
    cells = ((points + 1) * (grid / 2)).floor().long()
    inside = ((cells >= 0) & (cells < grid)).all(2)
    cells = cells.clamp(0, grid - 1)
    flat = (cells[..., 2] * grid + cells[..., 1]) * grid + cells[..., 0]
    map = torch.zeros(len(points), grid**3)
    map.scatter_reduce_(1, flat, inside.float(), "amax")
    return map.view(-1, 1, grid, grid, grid).contiguous(memory_format=torch.channels_last_3d)


def augmented(points):
    scale = torch.empty(len(points), 1, 3).uniform_(2 / 3, 3 / 2)
    shift = torch.empty(len(points), 1, 3).uniform_(-0.1, 0.1)
    return points * scale + shift


def evaluate(model, clouds, labels, grid, classes):
    model.eval()
    with torch.no_grad():
        found = torch.cat([model(occupancy(part, grid)).argmax(1) for part in clouds.split(64)])
    right = (found == labels).float()
    means = [right[labels == label].mean() for label in range(classes)]
    return right.mean().item(), torch.stack(means).mean().item()


def normalised(cloud):
    """Zero mean, radius 1."""
    cloud = cloud - cloud.mean(0)
    return cloud / numpy.sqrt((cloud**2).sum(1)).max()


def main():
    folder, minutes = sys.argv[1], float(sys.argv[2])
    seed, grid, width, threads = (int(value) for value in (sys.argv[3:] + ["1", "32", "16", "2"][len(sys.argv) - 3:]))
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    clouds, labels, classes = load(folder, "train")
    kept = held_out(labels, float(os.environ.get("HOLDOUT", "0")))
    scored = (clouds[~kept], labels[~kept]) if not kept.all() else load(folder, "test")[:2]
    clouds, labels = clouds[kept], labels[kept]
    model = network(width, len(classes)).to(memory_format=torch.channels_last_3d)
    training = Training(model, lambda batch: occupancy(augmented(clouds[batch]), grid), labels, 32, 2e-3, 2e-7, 0.2,
                        os.environ.get("BF16") == "1")
    trained = training.run(minutes, 40)
    top1, mean = evaluate(model, *scored, grid, len(classes))
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"top1 {top1:.2%}  class mean {mean:.2%}  of {len(scored[1])}  {trained:.1f} minutes  {count} parameters")


main()
