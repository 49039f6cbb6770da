"""Fill the engine's memory of classes, after base and experts are trained and before anything is learned on tasks.

In: a `SynthesisNetwork` that holds base and experts, and label sources. Out: the same network, its memory filled with a text
and a mean feature of each class. Pictures that serve the episodes' queries must not be among those given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sgps.engine.model import SynthesisNetwork
from sgps.pretraining.cache import resized
from sgps.pretraining.config import Expert
from sgps.pretraining.pool import LabelSource, Pool
from sgps.target.network import Weights, pooled_features
from sgps.task import Preprocessing

_PER_CLASS = 250
"""Most pictures that a class is remembered by."""


@dataclass(frozen=True, kw_only=True)
class KnownClass:
    """One class to remember."""

    source: int
    """Place of its label source."""
    label: int
    name: str
    """As `set/class`."""
    expert: int
    """Place of the expert that has learned it best, -1 if none has."""


def known_classes(
    sources: Sequence[LabelSource],
    texts: Mapping[tuple[str, int], Tensor],
    experts: Sequence[Expert],
    held_out: Sequence[str],
) -> list[KnownClass]:
    """Classes that have pictures and a description.

    Args:
        sources: with the pictures to remember.
        texts: embeddings of the descriptions of (name of the source, class).
        experts: of the recipe.
        held_out: sets that no expert has learned.
    """
    found = []
    for place, source in enumerate(sources):
        expert = -1 if source.name in held_out else _expert_of(source.family, experts)
        for label, name in enumerate(source.class_names):
            if (source.name, label) in texts and bool((source.labels == label).any()):
                found.append(
                    KnownClass(
                        source=place, label=label, name=f"{source.name}/{name}", expert=expert
                    )
                )
    return found


def _expert_of(family: str, experts: Sequence[Expert]) -> int:
    """The expert of that family that learns from the fewest others."""
    own = [place for place, expert in enumerate(experts) if family in expert.families]
    return min(own, key=lambda place: len(experts[place].families), default=-1)


@torch.no_grad()
def remember(
    network: SynthesisNetwork,
    pool: Pool,
    sources: Sequence[LabelSource],
    known: Sequence[KnownClass],
    texts: Mapping[tuple[str, int], Tensor],
    prepare: Preprocessing,
    on_done: Callable[[int, int], None],
) -> None:
    """Measure the mean features of the classes that `network.config.known_classes` names, in their order."""
    generator = network.generator
    base = generator.base_weights()
    means, moved_means = [], []
    for done, one in enumerate(known):
        source = sources[one.source]
        pictures = _spread(source.indices[source.labels == one.label])
        means.append(_mean(network, pool, pictures, base, prepare))
        moved = means[-1]
        if one.expert >= 0:
            moved = _mean(network, pool, pictures, generator.moved_weights(one.expert), prepare)
        moved_means.append(moved)
        on_done(done + 1, len(known))
    if known:
        text = torch.stack([texts[sources[one.source].name, one.label].mean(0) for one in known])
        place = network.memory.directions.device
        network.memory.remember(text.to(place), torch.stack(means), torch.stack(moved_means))


def _spread(pictures: Tensor) -> Tensor:
    """At most `_PER_CLASS` pictures, evenly spread over their order."""
    if len(pictures) <= _PER_CLASS:
        return pictures
    return pictures[torch.arange(_PER_CLASS) * len(pictures) // _PER_CLASS]


def _mean(
    network: SynthesisNetwork,
    pool: Pool,
    pictures: Tensor,
    weights: Weights,
    prepare: Preprocessing,
) -> Tensor:
    place = network.memory.directions.device
    total = torch.zeros(network.architecture.num_features, device=place)
    for part in torch.split(pictures, 64):
        images = prepare.normalize(resized(pool.images[part].to(place), prepare.image_size))
        total += pooled_features(network.architecture, weights, images).sum(0)
    return total / len(pictures)
