# SPDX-License-Identifier: Apache-2.0
"""Boxes of four proportions, by a formula whose values are the same in float32, in text and in a pack."""
NAMES = ("bar", "cube", "plate", "pole")
LENGTHS = ((1024, 256, 256), (1024, 1024, 1024), (1024, 1024, 256), (256, 256, 1024))  # of the sides, in 1,024ths
POINTS = 40
COUNTS = {"train": 4, "test": 2}  # a class


def shapes(split):
    """(label, [[x, y, z], ...]) of a split, class after class."""
    made = []
    for label, lengths in enumerate(LENGTHS):
        for number in range(COUNTS[split]):
            seed = 1000 * (split == "test") + 17 * number + 5 * label
            made.append((label, [[((seed + 7 * i) * step % 101 - 50) * side / 1024 / 64 for step, side in
                                  zip((37, 59, 83), lengths)] for i in range(POINTS)]))
    return made
