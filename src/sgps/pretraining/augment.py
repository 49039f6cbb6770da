"""Augment a batch of pictures on the device they lie on: one resampling, then color.

In: uint8 pictures (B, 3, S, S). Out: float pictures in [0, 1] (B, 3, s, s), each cropped, turned, mirrored and
recolored independently. Randomness comes from the generator that is passed, so that a step can be repeated exactly.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

_LUMA = (0.299, 0.587, 0.114)


def _uniform(generator: torch.Generator, count: int, low: float, high: float) -> Tensor:
    return torch.empty(count).uniform_(low, high, generator=generator)


def _chance(generator: torch.Generator, count: int, probability: float) -> Tensor:
    return _uniform(generator, count, 0.0, 1.0) < probability


def _geometry(generator: torch.Generator, count: int) -> Tensor:
    """Affine maps (B, 2, 3) from output to input: crop of 30-100 % of the area, any rotation for half, mirror."""
    area = _uniform(generator, count, 0.3, 1.0)
    aspect = torch.exp(_uniform(generator, count, -0.25, 0.25))
    half_width = (area * aspect).sqrt().clamp(max=1.0)
    half_height = (area / aspect).sqrt().clamp(max=1.0)
    full_turn = _chance(generator, count, 0.5)
    degrees = _uniform(generator, count, -1.0, 1.0) * torch.where(full_turn, 180.0, 15.0)
    angle = degrees * math.pi / 180
    mirror = torch.where(_chance(generator, count, 0.5), -1.0, 1.0)
    shift_x = _uniform(generator, count, -1.0, 1.0) * (1 - half_width)
    shift_y = _uniform(generator, count, -1.0, 1.0) * (1 - half_height)
    cosine, sine = angle.cos(), angle.sin()
    row_x = torch.stack([mirror * half_width * cosine, -half_height * sine, shift_x], 1)
    row_y = torch.stack([mirror * half_width * sine, half_height * cosine, shift_y], 1)
    return torch.stack([row_x, row_y], 1)


def _recolor(images: Tensor, generator: torch.Generator) -> Tensor:
    """Brightness, contrast, saturation and channel gains; one in ten gray."""
    count, device = images.shape[0], images.device

    def factor(spread: float) -> Tensor:
        value = torch.exp(_uniform(generator, count, -spread, spread))
        return value.to(device).view(-1, 1, 1, 1)

    luma = torch.tensor(_LUMA, device=device).view(1, 3, 1, 1)
    gray = (images * luma).sum(1, keepdim=True)
    saturation = factor(0.4)
    to_gray = _chance(generator, count, 0.1).to(device).view(-1, 1, 1, 1)
    saturation = torch.where(to_gray, torch.zeros_like(saturation), saturation)
    images = gray + (images - gray) * saturation
    average = images.mean((1, 2, 3), keepdim=True)
    images = average + (images - average) * factor(0.3)
    gains = torch.exp(_uniform(generator, count * 3, -0.1, 0.1)).to(device).view(-1, 3, 1, 1)
    return images * gains * factor(0.25)


def augment(images: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Return float pictures in [0, 1] of side `size`, augmented.

    Args:
        images: uint8 (B, 3, S, S).
        size: side of the output, in pixels.
        generator: CPU generator; the only source of randomness.
    """
    count, device = images.shape[0], images.device
    theta = _geometry(generator, count).to(device)
    grid = functional.affine_grid(theta, [count, 3, size, size], align_corners=False)
    views = functional.grid_sample(
        images.float() / 255, grid, padding_mode="reflection", align_corners=False
    )
    views = _recolor(views, generator)
    blurred = functional.avg_pool2d(views, 3, stride=1, padding=1, count_include_pad=False)
    blur = _chance(generator, count, 0.15).to(device).view(-1, 1, 1, 1)
    views = torch.where(blur, blurred, views)
    strength = (_uniform(generator, count, 0.0, 0.05) * _chance(generator, count, 0.3)).to(device)
    noise = torch.empty(views.shape).normal_(generator=generator).to(device)
    return (views + noise * strength.view(-1, 1, 1, 1)).clamp(0, 1)
