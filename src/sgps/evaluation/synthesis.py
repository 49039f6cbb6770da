"""What a benchmark asks of an engine and of the network that it synthesizes, so that any engine may be measured.

Shapes: P pictures of a set, R pictures to classify, F features, N classes, S side of a picture in pixels.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from torch import Tensor

from sgps.target.architecture import Architecture
from sgps.target.network import Weights
from sgps.task import Preprocessing, SupportSet


class SynthesizedNetwork(Protocol):
    """What synthesis gives."""

    @property
    def weights(self) -> Mapping[str, Tensor]:
        """All its numbers, by name."""

    def probabilities(self, images: Tensor, /) -> Tensor:
        """Class probabilities (R, N) of uint8 pictures (R, 3, S, S)."""


class SynthesisEngine(Protocol):
    """What a benchmark asks of an engine."""

    @property
    def digest(self) -> str:
        """Identifies the engine's weights."""

    @property
    def preprocessing(self) -> Preprocessing:
        """Tells the size of the pictures that the engine reads."""

    def synthesize(
        self,
        support: SupportSet,
        *,
        condition_on: Sequence[SupportSet] = (),
        without: Collection[str] = (),
        hidden_set: str | None = None,
    ) -> SynthesizedNetwork:
        """Synthesize from `support`.

        Args:
            support: what the network must classify.
            condition_on: other support sets that the backbone is written for in place of `support`; of several, the weights
                are averaged.
            without: parts that are switched off, out of `sgps.engine.config.ENGINE_PARTS`.
            hidden_set: a set whose classes the engine must not remember, if it does.
        """

    def base_network(self) -> tuple[Architecture, Weights]:
        """The engine's base: what it is built like, and its weights, float32 on the CPU."""

    def base_features(self, images: Tensor, /) -> Tensor:
        """Features (P, F) of uint8 pictures under the engine's base."""

    def joined_features(self, images: Tensor, /) -> Tensor:
        """Features (P, F') of uint8 pictures under the base and all experts, side by side."""

    def text_features(self, descriptions: Sequence[Sequence[str]], /) -> Tensor | None:
        """For each class its descriptions as a point among base features, (N, F); `None` if the engine cannot place text."""

    def backbone_bytes(self, source: str, /) -> int:
        """Float32 bytes of what computes features: the base's (`base`), or the base's and all experts' (`engine`)."""
