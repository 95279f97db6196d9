#!/usr/bin/env python3
"""Records what torchvision makes of one picture, for tests/readers/video/distort_picture_test.cpp.

Needs torchvision 0.26 (with PyTorch 2.11): make_distorted_pictures.py > distorted_pictures.txt
A line an operation: its name, its amount, the picture's values as hexadecimal digits, plane by plane.
"""
import math

import torch
from torchvision.transforms.v2 import functional as F


def picture():
    """uint8 [3, 16, 18]; the test computes the same."""
    c, y, x = torch.meshgrid(torch.arange(3), torch.arange(16), torch.arange(18), indexing="ij")
    return ((37 * x + 59 * y + 101 * c + (x * y * (c + 3)) % 41) % 256 // (1 + c % 2)).to(torch.uint8)


def affine(image, **changes):
    settings = dict(angle=0.0, translate=[0, 0], scale=1.0, shear=[0.0, 0.0]) | changes
    return F.affine(image, **settings)


def degrees(amount):
    return math.degrees(math.atan(amount))


OPERATIONS = {
    "shear_x": (lambda p, a: affine(p, shear=[degrees(a), 0.0], center=[0, 0]), [0.09, -0.21]),
    "shear_y": (lambda p, a: affine(p, shear=[0.0, degrees(a)], center=[0, 0]), [0.09, -0.21]),
    "translate_x": (lambda p, a: affine(p, translate=[int(a), 0]), [3, -7]),
    "translate_y": (lambda p, a: affine(p, translate=[0, int(a)]), [3, -7]),
    "rotate": (F.rotate, [9.0, -27.0]),
    "brightness": (F.adjust_brightness, [0.55, 1.27]),
    "color": (F.adjust_saturation, [0.1, 1.63]),
    "contrast": (F.adjust_contrast, [0.46, 1.9]),
    "sharpness": (F.adjust_sharpness, [0.19, 1.72]),
    "posterize": (lambda p, a: F.posterize(p, int(a)), [8, 7, 4]),
    "solarize": (F.solarize, [255.0, 178.5, 0.0]),
    "auto_contrast": (lambda p, a: F.autocontrast(p), [0.0]),
    "equalize": (lambda p, a: F.equalize(p), [0.0]),
}

for name, (operation, amounts) in OPERATIONS.items():
    for amount in amounts:
        values = operation(picture(), amount).flatten().tolist()
        print(name, amount, "".join(f"{value:02x}" for value in values))
