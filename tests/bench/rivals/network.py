# SPDX-License-Identifier: Apache-2.0
"""UniRepLKNet in plain torch modules, as a PyTorch user would write it from the paper (arXiv 2311.15599).

The rival of the benchmarks: 2-D for pictures, 3-D for voxels and clips, trained branches, no tricks of ours.
"""
import torch
from torch import nn

BRANCHES = {13: [(5, 1), (7, 2), (3, 3), (3, 4), (3, 5)]}
VARIANTS = {"a": ((2, 2, 6, 2), (40, 80, 160, 320), 1), "t": ((3, 3, 18, 3), (80, 160, 320, 640), 2)}


def tuple_of(value, axes):
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * axes


class Axes:
    """The modules of a number of map axes."""

    def __init__(self, axes):
        self.axes = axes
        self.conv = nn.Conv2d if axes == 2 else nn.Conv3d
        self.norm = nn.BatchNorm2d if axes == 2 else nn.BatchNorm3d

    def depthwise(self, channels, taps, rate=1):
        taps, rate = tuple_of(taps, self.axes), tuple_of(rate, self.axes)
        padding = tuple(t // 2 * r for t, r in zip(taps, rate))
        return self.conv(channels, channels, taps, padding=padding, dilation=rate, groups=channels, bias=False)


def shorter(taps, rate):
    """The published branches are square; on a shorter axis: up to three taps that fit."""
    count = min(3, taps)
    return (1, 1) if count == 1 else (count, min((rate + 2) // 3, (taps - 1) // (count - 1)))


class DilatedReparam(nn.Module):
    def __init__(self, axes, channels, taps):
        super().__init__()
        taps = tuple_of(taps, axes.axes)
        self.convs = nn.ModuleList([axes.depthwise(channels, taps)])
        for count, rate in BRANCHES[max(taps)]:
            own = [(count, rate) if t == max(taps) else shorter(t, rate) for t in taps]
            self.convs.append(axes.depthwise(channels, [c for c, _ in own], [r for _, r in own]))
        self.norms = nn.ModuleList([axes.norm(channels) for _ in self.convs])

    def forward(self, x):
        y = self.norms[0](self.convs[0](x))
        for conv, norm in zip(self.convs[1:], self.norms[1:]):
            y = y + norm(conv(x))
        return y


class SqueezeExcite(nn.Module):
    def __init__(self, axes, channels):
        super().__init__()
        self.down = axes.conv(channels, channels // 4, 1)
        self.up = axes.conv(channels // 4, channels, 1)
        self.over = tuple(range(2, 2 + axes.axes))

    def forward(self, x):
        gate = self.up(torch.relu(self.down(x.mean(self.over, keepdim=True))))
        return x * torch.sigmoid(gate)


class GRN(nn.Module):
    def __init__(self, channels, axes):
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(channels))
        self.beta = nn.Parameter(torch.zeros(channels))
        self.over = tuple(range(1, 1 + axes.axes))

    def forward(self, x):
        norm = torch.norm(x, p=2, dim=self.over, keepdim=True)
        return (self.gamma * (norm / (norm.mean(dim=-1, keepdim=True) + 1e-6)) + 1) * x + self.beta


class Block(nn.Module):
    def __init__(self, axes, channels, taps):
        super().__init__()
        large = max(tuple_of(taps, axes.axes)) > 3
        self.depthwise = DilatedReparam(axes, channels, taps) if large else axes.depthwise(channels, taps)
        self.norm = axes.norm(channels)
        self.squeeze_excite = SqueezeExcite(axes, channels)
        self.widen = nn.Linear(channels, 4 * channels)
        self.grn = GRN(4 * channels, axes)
        self.narrow = nn.Linear(4 * channels, channels, bias=False)
        self.last_norm = axes.norm(channels)
        self.scale = nn.Parameter(torch.full((channels,) + (1,) * axes.axes, 1e-6))

    def forward(self, x):
        y = self.squeeze_excite(self.norm(self.depthwise(x)))
        y = self.narrow(self.grn(nn.functional.gelu(self.widen(y.movedim(1, -1))))).movedim(-1, 1)
        return x + self.scale * self.last_norm(y)


class ChannelsFirstNorm(nn.LayerNorm):
    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class UniRepLKNet(nn.Module):
    def __init__(self, variant, classes, inputs, kernel, axes=2, stem_stride=4, time_strides=False):
        super().__init__()
        depths, dims, large_every = VARIANTS[variant]
        axes = Axes(axes)

        def strided(inputs, outputs, stride):
            stride = tuple_of(stride, axes.axes)
            taps = tuple(1 if time_strides and s == 1 else 3 for s in stride[:1]) + (3,) * (axes.axes - 1)
            return axes.conv(inputs, outputs, taps, stride, tuple(t // 2 for t in taps))

        step = 2 if stem_stride == 4 else 1
        first = (2,) * axes.axes
        second = ((1,) if time_strides else (step,)) + (step,) * (axes.axes - 1)
        layers = [strided(inputs, dims[0] // 2, first), ChannelsFirstNorm(dims[0] // 2, eps=1e-6), nn.GELU(),
                  strided(dims[0] // 2, dims[0], second), ChannelsFirstNorm(dims[0], eps=1e-6)]
        for stage in range(4):
            if stage > 0:
                stride = ((1,) if time_strides else (2,)) + (2,) * (axes.axes - 1)
                layers += [strided(dims[stage - 1], dims[stage], stride), ChannelsFirstNorm(dims[stage], eps=1e-6)]
            for index in range(depths[stage]):
                large = stage > 0 and (stage != 2 or index % large_every == 0)
                layers.append(Block(axes, dims[stage], kernel if large else 3))
        self.features = nn.Sequential(*layers)
        self.norm = nn.LayerNorm(dims[-1], eps=1e-6)
        self.head = nn.Linear(dims[-1], classes)

    def forward(self, x):
        return self.head(self.norm(self.features(x).flatten(2).mean(-1)))
