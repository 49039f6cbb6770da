"""Frozen ImageNet networks whose features are to survive in what is trained.

In: a network and pictures to center its features on. Out: a `Teacher`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sgps.pretraining.augment import augment, draw_plan
from sgps.pretraining.parallel import constant
from sgps.target.architecture import Architecture
from sgps.target.network import Weights, pooled_features


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """A frozen network whose features are to survive."""

    architecture: Architecture
    weights: Weights
    center: Tensor
    """Mean feature (F,) over the pool; cosines are taken around it."""

    def features(self, images: Tensor) -> Tensor:
        """Centered features (B, F) of pictures in [0, 1]."""
        return frozen_features(self.architecture, self.weights, images) - self.center


def normalized(architecture: Architecture, images: Tensor) -> Tensor:
    """Network input of pictures in [0, 1]."""
    mean = constant(architecture.mean, images.device).view(1, 3, 1, 1)
    std = constant(architecture.std, images.device).view(1, 3, 1, 1)
    return (images - mean) / std


@torch.no_grad()
def frozen_features(architecture: Architecture, weights: Weights, images: Tensor) -> Tensor:
    """Pooled features (B, F) of pictures in [0, 1], without gradient."""
    return pooled_features(architecture, weights, normalized(architecture, images))


def make_teacher(
    architecture: Architecture, weights: Weights, images: Tensor, image_size: int, seed: int
) -> Teacher:
    """Freeze a network as a teacher; its center is measured on pictures, uint8 (n, 3, S, S), augmented."""
    generator = torch.Generator().manual_seed(seed)
    device = next(iter(weights.values())).device
    total = torch.zeros(architecture.num_features, device=device)
    for part in torch.split(images, 64):
        views = augment(part.to(device), image_size, draw_plan(len(part), generator))
        total += frozen_features(architecture, weights, views).sum(0)
    return Teacher(architecture=architecture, weights=weights, center=total / len(images))
