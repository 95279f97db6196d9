# SPDX-License-Identifier: Apache-2.0
"""Times a training step of the same network in PyTorch: forward, loss, backward, fused AdamW.

step.py FORM VARIANT SIZE BATCH MODE [SECONDS]      one thread; MODE: first, last, compile, or one with +bf16
Prints the median in milliseconds, then the count of parameters.
"""
import statistics
import sys
import time

import torch

from network import UniRepLKNet


def work(form, variant, size, batch):
    if form == "image":
        return UniRepLKNet(variant, 400, 3, 13), torch.randn(batch, 3, int(size), int(size))
    if form == "voxel":
        return UniRepLKNet(variant, 400, 1, 13, 3, 2), torch.randn(batch, 1, *(int(size),) * 3)
    frames, side = map(int, size.split("x"))
    model = UniRepLKNet(variant, 400, 3, (5, 13, 13), 3, 4, time_strides=True)
    return model, torch.randn(batch, 3, frames, side, side)


def main():
    form, variant, size, batch, mode = sys.argv[1:6]
    least = float(sys.argv[6]) if len(sys.argv) > 6 else 10.0
    torch.manual_seed(1)
    model, x = work(form, variant, size, int(batch))
    labels = torch.randint(400, (int(batch),))
    layout, _, precision = mode.partition("+")
    if layout != "first":
        last = torch.channels_last if x.dim() == 4 else torch.channels_last_3d
        x = x.to(memory_format=last)
        for parameter in model.parameters():
            if parameter.dim() == x.dim():
                parameter.data = parameter.data.to(memory_format=last)
    run = torch.compile(model) if layout == "compile" else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05, fused=True)
    times, start = [], time.perf_counter()
    while len(times) < 4 or time.perf_counter() - start < least:
        begin = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            loss = torch.nn.functional.cross_entropy(run(x), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        times.append(time.perf_counter() - begin)
        if len(times) == 1:
            start = time.perf_counter()  # the first one compiles
    print(f"{statistics.median(times[1:]) * 1e3:.1f} {sum(p.numel() for p in model.parameters())}")


torch.set_num_threads(1)
main()
