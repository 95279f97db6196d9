# SPDX-License-Identifier: Apache-2.0
"""How the rivals that train do it: AdamW, linear rise over a tenth, cosine to its end, in so many minutes."""
import copy
import math
import os
import time

import torch
from torch import nn


class Training:
    """`look(batch)` makes what the model sees of samples, in channels-last memory."""

    def __init__(self, model, look, labels, batch, peak, floor, smoothing, bf16=False):
        self.model, self.look, self.labels, self.batch = model, look, labels, batch
        self.peak, self.floor, self.bf16 = peak, floor, bf16
        self.loss_of = nn.CrossEntropyLoss(label_smoothing=smoothing)
        kernels = [p for p in model.parameters() if p.dim() > 1]
        others = [p for p in model.parameters() if p.dim() <= 1]  # norms and biases do not decay
        groups = [{"params": kernels, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=peak, fused=True)

    def step(self, samples, rate):
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            loss = self.loss_of(self.model(self.look(samples)), self.labels[samples])
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 5)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.item()

    def seconds_a_step(self, steps):
        """Behind five that warm up, on a copy of the network."""
        trial = copy.copy(self)
        trial.model, trial.optimizer = copy.deepcopy((self.model, self.optimizer))
        times = []
        for _ in range(5 + steps):
            begin = time.perf_counter()
            trial.step(torch.randperm(len(self.labels))[: self.batch], self.peak / 10)
            times.append(time.perf_counter() - begin)
        return sum(times[5:]) / steps

    def run(self, minutes, timed_steps):
        """As many epochs as fit, or EPOCHS if that is set, printed one by one; the minutes they took."""
        an_epoch = len(self.labels) // self.batch
        start = time.perf_counter()
        each = self.seconds_a_step(timed_steps)
        fit = max(1, int((minutes * 60 - (time.perf_counter() - start)) / each / an_epoch))
        epochs = int(os.environ.get("EPOCHS", fit))
        print(f"{each * 1e3:.1f} ms a step, {epochs} epochs", flush=True)
        total, step = epochs * an_epoch, 0
        for epoch in range(epochs):
            losses = []
            for samples in torch.randperm(len(self.labels))[: an_epoch * self.batch].split(self.batch):
                warm = min(1.0, (step + 1) / (0.1 * total))
                cosine = 0.5 * (1 + math.cos(math.pi * step / total))
                losses.append(self.step(samples, warm * (self.floor + (self.peak - self.floor) * cosine)))
                step += 1
            print(f"epoch {epoch + 1}/{epochs}: loss {sum(losses) / an_epoch:.4f}, {time.perf_counter() - start:.0f} s", flush=True)
        return (time.perf_counter() - start) / 60
