"""Augment a batch of pictures on the device they lie on: one resampling, then color, blur and noise.

In: uint8 pictures (B, 3, S, S) and an `AugmentPlan`, which is drawn for a whole step from a generator that is passed. Out:
float pictures in [0, 1] (B, 3, s, s), each cropped, turned, mirrored and recolored independently. A process that holds
a part of the batch takes the plan's rows for it: a picture is changed in the same way wherever it is processed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from sgps.pretraining.parallel import constant, sent

_LUMA = (0.299, 0.587, 0.114)
_NOISE_MARGIN = 64
"""The noise of a step is one field, larger than a picture by this many pixels; each picture has its own window of it."""


def _uniform(generator: torch.Generator, count: int, low: float, high: float) -> Tensor:
    return torch.empty(count).uniform_(low, high, generator=generator)


def _chance(generator: torch.Generator, count: int, probability: float) -> Tensor:
    return _uniform(generator, count, 0.0, 1.0) < probability


def _factor(generator: torch.Generator, count: int, spread: float) -> Tensor:
    return torch.exp(_uniform(generator, count, -spread, spread))


@dataclass(frozen=True, kw_only=True)
class AugmentPlan:
    """What happens to each picture of a batch; every field has one row a picture."""

    theta: Tensor
    """Affine maps (B, 2, 3) from output to input."""
    saturation: Tensor
    """(B,), 0 for gray."""
    contrast: Tensor
    """(B,)."""
    gains: Tensor
    """Factor on each channel (B, 3), brightness included."""
    blurred: Tensor
    """bool (B,)."""
    noise: Tensor
    """Standard deviation (B,)."""
    noise_window: Tensor
    """int64 (B, 2), upper left corner of the picture's window of the noise."""
    seed: int
    """Seed of the noise of the step."""

    def rows(self, chosen: slice) -> AugmentPlan:
        """The plan for a part of the batch."""
        return self._with(lambda tensor: tensor[chosen])

    def on(self, device: torch.device) -> AugmentPlan:
        """The plan on the device of the pictures."""
        return self._with(lambda tensor: sent(tensor, device))

    def _with(self, change: Callable[[Tensor], Tensor]) -> AugmentPlan:
        own = {f.name: getattr(self, f.name) for f in fields(self)}
        changed: dict[str, Any] = {
            name: change(v) if isinstance(v, Tensor) else v for name, v in own.items()
        }
        return AugmentPlan(**changed)


def draw_plan(count: int, generator: torch.Generator, color_jitter: float = 1.0) -> AugmentPlan:
    """Draw a plan for `count` pictures; the generator is the only source of randomness.

    `color_jitter` is a factor on the share of gray pictures and on how far saturation, contrast, brightness and channels
    are changed.
    """
    theta = _geometry(generator, count)
    gray = _chance(generator, count, 0.1 * color_jitter)
    saturation = _factor(generator, count, 0.4 * color_jitter)
    brightness = _factor(generator, count, 0.25 * color_jitter)[:, None]
    return AugmentPlan(
        theta=theta,
        saturation=torch.where(gray, torch.zeros(()), saturation),
        contrast=_factor(generator, count, 0.3 * color_jitter),
        gains=_factor(generator, 3 * count, 0.1 * color_jitter).view(-1, 3) * brightness,
        blurred=_chance(generator, count, 0.15),
        noise=_uniform(generator, count, 0.0, 0.05) * _chance(generator, count, 0.3),
        noise_window=torch.randint(_NOISE_MARGIN + 1, (count, 2), generator=generator),
        seed=int(torch.randint(2**31, (1,), generator=generator)),
    )


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


def _recolor(images: Tensor, plan: AugmentPlan) -> Tensor:
    luma = constant(_LUMA, images.device).view(1, 3, 1, 1)
    gray = (images * luma).sum(1, keepdim=True)
    images = gray + (images - gray) * plan.saturation.view(-1, 1, 1, 1)
    average = images.mean((1, 2, 3), keepdim=True)
    images = average + (images - average) * plan.contrast.view(-1, 1, 1, 1)
    return images * plan.gains.view(-1, 3, 1, 1)


def _noise(plan: AugmentPlan, size: int, device: torch.device) -> Tensor:
    """Noise (B, 3, s, s) of standard deviation one."""
    generator = torch.Generator(device).manual_seed(plan.seed)
    side = size + _NOISE_MARGIN
    field = torch.randn(3, side, side, generator=generator, device=device)
    windows = field.unfold(1, size, 1).unfold(2, size, 1)
    top, left = plan.noise_window.unbind(1)
    return windows[:, top, left].transpose(0, 1)


def augment(images: Tensor, size: int, plan: AugmentPlan) -> Tensor:
    """Return float pictures in [0, 1] of side `size`, augmented.

    Args:
        images: uint8 (B, 3, S, S).
        size: side of the output, in pixels.
        plan: what happens to each of them.
    """
    device = images.device
    plan = plan.on(device)
    grid = functional.affine_grid(plan.theta, [len(images), 3, size, size], align_corners=False)
    views = functional.grid_sample(
        images.float() / 255, grid, padding_mode="reflection", align_corners=False
    )
    views = _recolor(views, plan)
    blurred = functional.avg_pool2d(views, 3, stride=1, padding=1, count_include_pad=False)
    views = torch.where(plan.blurred.view(-1, 1, 1, 1), blurred, views)
    noise = _noise(plan, size, device) * plan.noise.view(-1, 1, 1, 1)
    return (views + noise).clamp(0, 1)
