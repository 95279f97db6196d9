# SPDX-License-Identifier: Apache-2.0
"""Trains a small R(2+1)D network on clips in PyTorch: what a user gets in the same minutes.

clip.py TRAIN EVAL MINUTES [SEED [SIZE [STRIDE [AUGMENT [THREADS]]]]]
TRAIN, EVAL: a list of lines `path label`, paths from its folder, or a folder of videos with a folder a class. They are
decoded once and kept small; a training clip is 16 frames STRIDE apart from a random place, with AUGMENT 1 a random crop of
0.7 to 1 of the area, mirrored one time in two; the scored one lies in the middle. AdamW, cosine, smoothing; epochs are what
fits, measured on a copy beforehand, and the schedule runs to its end. Scores the last weights on EVAL, once.
DIFFERENCES=1: looks at each frame less the one before. SEGMENTS=1: a frame of each of 16 parts of the video, not STRIDE.
"""
import math
import os
import pathlib
import sys

import av
import numpy
import torch
from torch import nn

from training import Training

FRAMES = 16
DIFFERENCES = os.environ.get("DIFFERENCES") == "1"
SEGMENTS = os.environ.get("SEGMENTS") == "1"
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1, 1)


def conv(inputs, outputs, taps, stride):
    padding = tuple(tap // 2 for tap in taps)
    return nn.Sequential(nn.Conv3d(inputs, outputs, taps, stride, padding, bias=False), nn.BatchNorm3d(outputs), nn.ReLU())


class Block(nn.Module):
    """Space, then time, twice (Tran et al. 2018, arXiv 1711.11248)."""

    def __init__(self, inputs, outputs, stride, time_stride):
        super().__init__()
        self.way = nn.Sequential(
            conv(inputs, outputs, (1, 3, 3), (1, stride, stride)), conv(outputs, outputs, (3, 1, 1), (time_stride, 1, 1)),
            conv(outputs, outputs, (1, 3, 3), 1),
            nn.Conv3d(outputs, outputs, (3, 1, 1), 1, (1, 0, 0), bias=False), nn.BatchNorm3d(outputs))
        self.short = nn.Sequential(nn.Conv3d(inputs, outputs, 1, (time_stride, stride, stride), bias=False), nn.BatchNorm3d(outputs))

    def forward(self, x):
        return torch.relu(self.way(x) + self.short(x))


def network(classes):
    return nn.Sequential(
        conv(3, 16, (1, 7, 7), (1, 2, 2)), conv(16, 16, (3, 1, 1), 1),
        Block(16, 32, 1, 1), Block(32, 64, 2, 2), Block(64, 128, 2, 2),
        nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Dropout(0.3), nn.Linear(128, classes))


def decoded(path, side):
    """uint8 [3,T,side,side]: the largest centred square of every frame."""
    frames = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            picture = torch.from_numpy(frame.to_ndarray(format="rgb24")).permute(2, 0, 1)
            height, width = picture.shape[1:]
            edge = min(height, width)
            top, left = (height - edge) // 2, (width - edge) // 2
            square = picture[None, :, top:top + edge, left:left + edge]
            small = nn.functional.interpolate(square.float(), (side, side), mode="bilinear", antialias=True)[0]
            frames.append(small.round().clamp(0, 255).byte())
    return torch.stack(frames, 1)


def listed(where):
    """[(path, label)]"""
    where = pathlib.Path(where)
    if where.is_dir():
        classes = sorted(path.name for path in where.iterdir() if path.is_dir())
        return [(file, label) for label, name in enumerate(classes) for file in sorted((where / name).glob("*.mp4"))]
    rows = [line.rsplit(" ", 1) for line in where.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [(where.parent / path, int(label)) for path, label in rows]


def load(where, side):
    rows = listed(where)
    return [decoded(path, side) for path, _ in rows], torch.tensor([label for _, label in rows])


def clip_of(video, stride, rng=None):
    """At a random place, or in the middle."""
    last = video.shape[1] - 1
    if SEGMENTS:
        places = torch.full((FRAMES,), 0.5) if rng is None else torch.from_numpy(rng.random(FRAMES))
        numbers = ((torch.arange(FRAMES) + places) * (last + 1) / FRAMES).long()
    else:
        room = max(0, last - (FRAMES - 1) * stride)
        numbers = (room // 2 if rng is None else int(rng.integers(room + 1))) + torch.arange(FRAMES) * stride
    return video[:, numbers.clamp(max=last)]


def prepared(clip, size):
    """[3,T,h,w] to normalised [3,T,size,size]."""
    small = nn.functional.interpolate(clip.permute(1, 0, 2, 3).float(), (size, size), mode="bilinear", antialias=True)
    clip = (small.permute(1, 0, 2, 3) / 255 - MEAN) / DEVIATION
    return clip - torch.cat([clip[:, :1], clip[:, :-1]], 1) if DIFFERENCES else clip


def drawn(video, stride, size, augment, rng):
    clip = clip_of(video, stride, rng)
    if augment:
        edge = int(round(math.sqrt(rng.uniform(0.7, 1.0)) * video.shape[2]))
        top, left = (int(rng.integers(video.shape[2] - edge + 1)) for _ in range(2))
        clip = clip[:, :, top:top + edge, left:left + edge]
        if rng.random() < 0.5:
            clip = clip.flip(3)
    return prepared(clip, size)


def main():
    given = sys.argv[1:4]
    seed, size, stride, augment, threads = (int(v) for v in (sys.argv[4:] + ["1", "40", "2", "1", "2"][len(sys.argv) - 4:]))
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    rng = numpy.random.default_rng(seed)
    videos, labels = load(given[0], size * 5 // 4 if augment else size)
    model = network(int(labels.max()) + 1).to(memory_format=torch.channels_last_3d)

    def look(batch):
        clips = torch.stack([drawn(videos[i], stride, size, augment, rng) for i in batch])
        return clips.contiguous(memory_format=torch.channels_last_3d)

    trained = Training(model, look, labels, min(16, len(videos)), 1e-3, 0.0, 0.1).run(float(given[2]), 15)
    scored, labels = load(given[1], size)
    model.eval()
    with torch.no_grad():
        middle = [clip_of(video, stride) for video in scored]
        found = torch.cat([model(prepared(clip, size)[None]).argmax(1) for clip in middle])
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"top1 {(found == labels).float().mean().item():.2%}  {trained:.1f} minutes  {count} parameters")


main()
