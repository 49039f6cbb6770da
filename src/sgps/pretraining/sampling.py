"""Choose the pictures of a batch: balanced over families, labellings and classes, leaning towards what is still mistaken.

In: label sources, and for every picture drawn whether it was misclassified. Out: triples of picture, labelling and class.

Every entry, one picture under one labelling, has a share of the batch. A family's follows the square root of the number of its
labellings, not its pictures; within it a labelling's the square root of its size, those by metadata `ATTRIBUTE_WEIGHT` times; and
a class's the 0.3rd power of its, so that rare classes are seen often without a handful of pictures being repeated in every
batch. Within a labelling, shares lean towards entries that were misclassified when last drawn: they count `1 + mining` times.
The lean is renewed every `_RENEW` steps.

Source: the idea of training repeatedly on what is still misclassified, after IMET, arXiv 2507.02979; here without separate
rounds, by the share of each picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sgps.pretraining.pool import LabelSource

ATTRIBUTE_WEIGHT = 0.3
"""How much a labelling by metadata counts beside the diagnosis of the same picture."""
_RENEW = 50
"""Batches after which shares follow what was mistaken since."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What a step learns from; int64 (B,) each."""

    entries: Tensor
    """Places in the sampler."""
    pictures: Tensor
    """Places in the pool."""
    sources: Tensor
    """Labellings."""
    labels: Tensor
    """Classes of those labellings."""


class BatchSampler:
    """Draws batches, and remembers what was mistaken in them."""

    def __init__(self, sources: Sequence[LabelSource], mining: float = 0.0) -> None:
        """Begin with shares that lean nowhere."""
        self.sources = sources
        self.mining = mining
        self._pictures = torch.cat([source.indices for source in sources])
        self._labels = torch.cat([source.labels for source in sources])
        sizes = torch.tensor([len(source.indices) for source in sources])
        self._sources = torch.arange(len(sources)).repeat_interleave(sizes)
        self._even = torch.cat(
            [
                weight * _class_shares(source)
                for weight, source in zip(_source_weights(sources), sources, strict=True)
            ]
        )
        count = len(self._pictures)
        self._mistaken = torch.zeros(count)
        self._lean = torch.ones(count)
        self._batches = 0
        self._accumulate()

    def _accumulate(self) -> None:
        shares = self._even * self._lean
        own = torch.zeros(len(self.sources), dtype=shares.dtype)
        even = own.index_add(0, self._sources, self._even)
        leaning = own.index_add(0, self._sources, shares)
        # A labelling as a whole keeps its share; leaning moves it only within.
        shares = shares * (even / leaning.clamp(min=1e-12))[self._sources]
        self._cumulated = shares.cumsum(0)

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        """Draw a batch."""
        places = torch.rand(size, generator=generator, dtype=torch.float64) * self._cumulated[-1]
        entries = torch.searchsorted(self._cumulated, places, right=True)
        entries = entries.clamp(max=len(self._pictures) - 1)
        return Batch(
            entries=entries,
            pictures=self._pictures[entries],
            sources=self._sources[entries],
            labels=self._labels[entries],
        )

    def learn(self, batch: Batch, mistaken: Tensor) -> None:
        """Remember which pictures of a batch were misclassified, bool (B,)."""
        # An entry drawn twice is mistaken if it was once; setting it by place would leave to chance which one counts.
        self._mistaken[batch.entries] = 0.0
        self._mistaken.index_add_(0, batch.entries, mistaken.float().cpu()).clamp_(max=1.0)
        self._batches += 1
        if self._batches % _RENEW == 0:
            self._lean = 1 + self.mining * self._mistaken
            self._accumulate()

    def state_dict(self) -> dict[str, Tensor]:
        """What was learned, as named tensors."""
        return {
            "mistaken": self._mistaken.clone(),
            "lean": self._lean.clone(),
            "batches": torch.tensor(self._batches),
        }

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state_dict` returned."""
        self._mistaken.copy_(state["mistaken"])
        self._lean = state["lean"].clone()
        self._batches = int(state["batches"])
        self._accumulate()


def _source_weights(sources: Sequence[LabelSource]) -> list[float]:
    """Share of each labelling, up to a common factor."""
    weights = [0.0] * len(sources)
    for family in {source.family for source in sources}:
        own = [i for i, source in enumerate(sources) if source.family == family]
        roots = {i: len(sources[i].indices) ** 0.5 for i in own}
        total = sum(roots.values())
        for i in own:
            attribute = ATTRIBUTE_WEIGHT if sources[i].is_attribute else 1.0
            weights[i] = roots[i] / total * len(own) ** 0.5 * attribute
    return weights


def _class_shares(source: LabelSource) -> Tensor:
    """Share of each entry within its labelling, float64 (m,)."""
    counts = torch.bincount(source.labels, minlength=len(source.class_names)).double()
    classes = torch.where(counts > 0, counts**0.3, 0.0)
    shares: Tensor = (classes / classes.sum().clamp(min=1e-12) / counts.clamp(min=1))[source.labels]
    return shares
