"""sgps and its controls: what each gives the engine, so that one can see what pictures, words and parts contribute.

    sgps                      the support's pictures and the class descriptions
    sgps-no-text              the pictures alone
    sgps-shuffled-text        every class gets another class's descriptions
    sgps-random-text          every class gets the descriptions of a random class of another set of the catalogue
    sgps-text-only            the descriptions alone, without a picture
    sgps-name-only            every class is described by its name alone
    sgps-attributes-only      every class is described by the attributes alone that its descriptions state
    sgps-expert-text, sgps-plain-text, sgps-terse-text    every class has that one of the clinical catalogue's descriptions
    sgps-wrong-support        the backbone is written for the next episode's support, the head for this one's
    sgps-average-weights      the backbone is the mean of those for the next 8 episodes' supports
    sgps-nearest-task         the backbone is that for the most similar of the next 20 episodes' supports
    sgps-no-memory, sgps-no-lexicon, sgps-no-experts, sgps-no-channel-scales    one part of the engine is switched off
    sgps-base                 all parts are: the engine's base and the head
    sgps-no-own-set           the memory does not know the set's own classes, if the engine was pretrained on them

The episodes that some borrow from follow the own one and wrap around; they are of the same set, and where its classes are
few, their supports hold pictures that are queries here. In: an episode's place. Out: choices, as plain data.

Shapes: F features.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sgps.clinical.conditions import STYLES, Condition, conditions
from sgps.clinical.grammar import write
from sgps.clinical.lookup import entries_for, find
from sgps.clinical.reading import check_class
from sgps.engine.config import ENGINE_PARTS


@dataclass(frozen=True, kw_only=True)
class Control:
    """What the engine is given of a task, and what it may use."""

    text: Literal[
        "own", "none", "shuffled", "random", "name", "attributes", "expert", "plain", "terse"
    ] = "own"
    pictures: bool = True
    others: int = 0
    """How many other episodes' supports the backbone is written for instead; fewer where there are fewer."""
    nearest: bool = False
    """Of these, only the one that is most similar."""
    without: tuple[str, ...] = ()
    """Parts of the engine that are switched off."""
    hides_own_set: bool = False
    """Whether classes of the set itself are kept from being recalled."""


SYNTHESIS: Mapping[str, Control] = MappingProxyType(
    {
        "sgps": Control(),
        "sgps-no-text": Control(text="none"),
        "sgps-shuffled-text": Control(text="shuffled"),
        "sgps-random-text": Control(text="random"),
        "sgps-text-only": Control(pictures=False),
        "sgps-name-only": Control(text="name"),
        "sgps-attributes-only": Control(text="attributes"),
        "sgps-expert-text": Control(text="expert"),
        "sgps-plain-text": Control(text="plain"),
        "sgps-terse-text": Control(text="terse"),
        "sgps-wrong-support": Control(others=1),
        "sgps-average-weights": Control(others=8),
        "sgps-nearest-task": Control(others=20, nearest=True),
        **{f"sgps-no-{part}": Control(without=(part,)) for part in ENGINE_PARTS},
        "sgps-base": Control(without=ENGINE_PARTS),
        "sgps-no-own-set": Control(hides_own_set=True),
    }
)
"""By the name of the method."""


REWORDED = ("name", "attributes", *STYLES)
"""Texts that say of the same classes something else than their descriptions do."""


def borrowed(method: str) -> int:
    """How many other episodes a method looks at."""
    return SYNTHESIS[method].others if method in SYNTHESIS else 0


def following(index: int, count: int, total: int) -> list[int]:
    """Places of the next `count` of `total` episodes, after the last the first; all others where there are fewer."""
    return [(index + step) % total for step in range(1, 1 + min(count, total - 1))]


def nearest_task(own: Tensor, others: Sequence[Tensor]) -> int:
    """Place of the support of the most similar features (n, F): their mean has the largest cosine with the mean of `own`."""
    means = torch.stack([features.double().mean(0) for features in others])
    return int(functional.cosine_similarity(means, own.double().mean(0), dim=1).argmax())


def foreign_texts(set_name: str, labels: Collection[str]) -> tuple[tuple[str, ...], ...]:
    """Descriptions of each condition that is a class of another known set, and none of this one, not even by its name."""
    named = {entry.key for label in labels for entry in find(label)}
    sets = {
        key: {own.partition("/")[0] for own in entry.classes} for key, entry in conditions().items()
    }
    return tuple(
        tuple(entry.descriptions.values())
        for key, entry in conditions().items()
        if sets[key] and set_name not in sets[key] and key not in named
    )


def reworded(
    text: str, set_name: str, labels: Collection[str], descriptions: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """Class to what a control tells of it; a class of which there is nothing to tell is left out.

    Args:
        text: one of `REWORDED`.
        set_name: name of the set.
        labels: its classes.
        descriptions: class to descriptions, of which the attributes are read.
    """
    if text == "attributes":
        stated = {label: check_class(label, descriptions.get(label, ())).stated for label in labels}
        # The same words for the same attributes, whichever class has them.
        return {
            label: (write(own, np.random.default_rng(0)),) for label, own in stated.items() if own
        }
    entries = _entries(set_name, labels)
    if text == "name":
        plain = {label: label.replace("_", " ") for label in labels}
        named = {label: entry.name for label, entry in entries.items()}
        return {label: (name,) for label, name in (plain | named).items()}
    return {label: (entry.descriptions[text],) for label, entry in entries.items()}


def _entries(set_name: str, labels: Collection[str]) -> dict[str, Condition]:
    """The catalogue's entry of each class: that which names the class of this set, or else that of the label."""
    own = {
        label: entry
        for entry in conditions().values()
        for label in labels
        if f"{set_name}/{label}" in entry.classes
    }
    return entries_for(sorted(labels)) | own


def draw_texts(
    foreign: Sequence[tuple[str, ...]], count: int, sequence: np.random.SeedSequence
) -> tuple[tuple[str, ...], ...]:
    """Descriptions for `count` classes, each of a condition of its own while there are enough."""
    order = np.random.default_rng(sequence).permutation(len(foreign))
    return tuple(foreign[int(place)] for place in np.resize(order, count))


def derangement(count: int, sequence: np.random.SeedSequence) -> list[int]:
    """A random cyclic permutation: no position keeps its own, so no class keeps its descriptions."""
    order = np.random.default_rng(sequence).permutation(count)
    moved = np.empty(count, dtype=np.int64)
    moved[order] = np.roll(order, 1)
    return [int(position) for position in moved]
