"""How good the features are for classes that they have not learned: the number to watch while they are trained.

In: held-out train sets and a network's weights. Out: mean few-shot accuracy of a ridge head on its features.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from sgps.pretraining.cache import resized
from sgps.pretraining.pool import LabelSource, Pool
from sgps.pretraining.ridge import ridge_scores
from sgps.pretraining.teachers import frozen_features
from sgps.target.architecture import Architecture
from sgps.target.network import Weights

_PER_CLASS = 40
"""Most pictures of a class that are used."""
_SHOT = 5
_EPISODES = 60
"""Episodes a set, over all of its classes."""


class Validation:
    """Fixed pictures and fixed 5-shot episodes of some sets; groups never stand on both sides."""

    def __init__(
        self,
        architecture: Architecture,
        pool: Pool,
        sources: Sequence[LabelSource],
        image_size: int,
        device: torch.device,
    ) -> None:
        """Choose pictures and episodes; sets whose classes have too few groups are left out."""
        self.architecture = architecture
        self._sets = []
        for source in sources:
            rng = np.random.default_rng(0)
            members = [_distinct(pool, source, c, rng) for c in range(len(source.class_names))]
            members = [own for own in members if len(own) > _SHOT]
            if len(members) > 1:
                pictures = torch.tensor([index for own in members for index in own])
                labels = torch.repeat_interleave(
                    torch.arange(len(members)), torch.tensor([len(own) for own in members])
                )
                images = resized(pool.images[pictures], image_size).to(device)
                self._sets.append((images, labels))

    def accuracy(self, weights: Weights) -> dict[str, float]:
        """Mean accuracy in percent, by the name that it has in the log; nothing without a set to validate on."""
        if not self._sets:
            return {}
        mean = sum(self._accuracy(weights, *one) for one in self._sets) / len(self._sets)
        return {"held_out_accuracy": mean}

    def _accuracy(self, weights: Weights, images: torch.Tensor, labels: torch.Tensor) -> float:
        features = torch.cat(
            [
                frozen_features(self.architecture, weights, part.float() / 255)
                for part in torch.split(images, 64)
            ]
        ).cpu()
        rng = np.random.default_rng(1)
        ways = int(labels.max()) + 1
        right = total = 0
        for _ in range(_EPISODES):
            support, query = [], []
            for label in range(ways):
                order = rng.permutation(torch.nonzero(labels == label)[:, 0].numpy())
                support += order[:_SHOT].tolist()
                query += order[_SHOT:].tolist()
            scores = ridge_scores(features[support], labels[support], features[query], ways)
            right += int((scores.argmax(1) == labels[query]).sum())
            total += len(query)
        return 100 * right / total


def _distinct(pool: Pool, source: LabelSource, label: int, rng: np.random.Generator) -> list[int]:
    """Pictures of a class, one a group: groups cannot cross an episode then."""
    chosen: dict[str, int] = {}
    for index in rng.permutation(source.indices[source.labels == label].numpy()).tolist():
        chosen.setdefault(pool.groups[index], int(index))
    return list(chosen.values())[:_PER_CLASS]
