# SPDX-License-Identifier: Apache-2.0
"""Trains a plain residual 3-D network on ModelNet-40 in PyTorch: what a user gets in the same minutes.

cloud.py FOLDER MINUTES [SEED [GRID [WIDTH [THREADS]]]]      FOLDER: CLASS/{train,test}/*.npy, float32 [1024,3]
Occupancy grids, the same scaling and shifts, smoothing, AdamW and cosine as configs/modelnet40_30min.yaml; epochs are
what fits, measured by the first steps, and the schedule runs to its end. Scores the last weights on the test split, once.
"""
import math
import pathlib
import sys
import time

import numpy
import torch
from torch import nn

BATCH = 32


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
            clouds.append(numpy.load(file))
            labels.append(label)
    return torch.from_numpy(numpy.stack(clouds).astype("float32")), torch.tensor(labels), classes


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


def main():
    folder, minutes = sys.argv[1], float(sys.argv[2])
    seed, grid, width, threads = (int(value) for value in (sys.argv[3:] + ["1", "32", "16", "2"][len(sys.argv) - 3:]))
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    clouds, labels, classes = load(folder, "train")
    model = network(width, len(classes)).to(memory_format=torch.channels_last_3d)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.05, fused=True)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.2)
    start, total, step, epoch = time.perf_counter(), None, 0, 0
    an_epoch = len(labels) // BATCH
    while total is None or step < total:
        order = torch.randperm(len(labels))
        for batch in order[: an_epoch * BATCH].split(BATCH):
            if step == 5:
                start_of_rate = time.perf_counter()
            if total is None and step == 45:
                each = (time.perf_counter() - start_of_rate) / 40
                total = max(1, int((minutes * 60 - (time.perf_counter() - start)) / each + step) // an_epoch) * an_epoch
                print(f"{each * 1e3:.1f} ms a step, {total // an_epoch} epochs", flush=True)
            planned = total or 100 * an_epoch
            warm = min(1.0, (step + 1) / (0.1 * planned))
            rate = warm * (2e-7 + (2e-3 - 2e-7) * 0.5 * (1 + math.cos(math.pi * step / planned)))
            for group in optimizer.param_groups:
                group["lr"] = rate
            loss = loss_of(model(occupancy(augmented(clouds[batch]), grid)), labels[batch])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5)
            optimizer.step()
            optimizer.zero_grad()
            step += 1
        epoch += 1
        print(f"epoch {epoch}: loss {loss.item():.4f}, {time.perf_counter() - start:.0f} s", flush=True)
    trained = time.perf_counter() - start
    top1, mean = evaluate(model, *load(folder, "test")[:2], grid, len(classes))
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"top1 {top1:.2%}  class mean {mean:.2%}  {trained / 60:.1f} minutes  {count} parameters")


main()
