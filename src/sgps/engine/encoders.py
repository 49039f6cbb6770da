"""SemanticEncoder: describe every support picture and every class description as tokens.

In: normalized pictures (n, 3, S, S) and sentence embeddings (N, text_width). Out: picture tokens (n, D), text tokens (N, D)
and the pooled base features (n, F) standardized. A picture is described by several stages of the engine's own base network,
since color and texture live early and structure late.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sgps.engine.config import EngineConfig
from sgps.target.architecture import build_architecture
from sgps.target.network import Weights, feature_maps

AT_ONCE = 512
"""Most pictures that go through a network at a time: at 128 px their maps take about 2 GB."""


@dataclass(frozen=True, kw_only=True)
class ImageDescription:
    """What the base network says of n pictures."""

    stages: Tensor
    """Averaged maps of the tapped stages and the pooled feature, joined: (n, T)."""
    pooled: Tensor
    """The pooled feature alone (n, F)."""


class SemanticEncoder(nn.Module):
    """Project base features and sentence embeddings to tokens of one width."""

    stage_mean: Tensor
    stage_std: Tensor

    def __init__(self, config: EngineConfig) -> None:
        super().__init__()
        self.config = config
        self.architecture = build_architecture(config.architecture)
        channels = self.architecture.stage_channels
        self.num_features = self.architecture.num_features
        total = sum(channels[stage - 1] for stage in config.tapped_stages) + self.num_features
        self.register_buffer("stage_mean", torch.zeros(total))
        self.register_buffer("stage_std", torch.ones(total))
        self.image_projection = nn.Sequential(
            nn.Linear(total, config.width), nn.GELU(), nn.Linear(config.width, config.width)
        )
        self.text_projection = nn.Sequential(
            nn.Linear(config.text_width, config.width),
            nn.GELU(),
            nn.Linear(config.width, config.width),
        )

    def describe(self, base: Weights, images: Tensor) -> ImageDescription:
        """Run the base network over normalized pictures (n, 3, S, S)."""
        parts = [self._describe(base, batch) for batch in torch.split(images, AT_ONCE)]
        return ImageDescription(
            stages=torch.cat([part.stages for part in parts]),
            pooled=torch.cat([part.pooled for part in parts]),
        )

    def _describe(self, base: Weights, images: Tensor) -> ImageDescription:
        taps, last = feature_maps(self.architecture, base, images)
        pooled = last.mean((2, 3))
        parts = [taps[stage - 1].mean((2, 3)) for stage in self.config.tapped_stages]
        return ImageDescription(stages=torch.cat([*parts, pooled], 1), pooled=pooled)

    def standardized(self, description: ImageDescription) -> Tensor:
        """Stage features (n, T) in units of their spread over the pretraining pictures."""
        return (description.stages - self.stage_mean) / self.stage_std

    def image_tokens(self, description: ImageDescription) -> Tensor:
        """Tokens (n, D) of pictures."""
        tokens: Tensor = self.image_projection(self.standardized(description))
        return tokens

    def text_tokens(self, embeddings: Tensor) -> Tensor:
        """Tokens (N, D) of mean sentence embeddings."""
        # Unit-length embeddings of width 384 have entries of about 0.05; the projection expects entries of order one.
        tokens: Tensor = self.text_projection(embeddings * self.config.text_width**0.5)
        return tokens
