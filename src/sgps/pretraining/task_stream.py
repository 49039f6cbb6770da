"""Draw pretraining tasks: which classes, how many pictures of each, which of them are described.

In: label sources. Out: an endless series of `TaskDraw`; the i-th depends on (seed, i) only. A task mixes classes of one image
set, so that they differ in what a clinician would ask, not in where they come from. Groups never stand in support and query.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sgps.pretraining.config import Episodic
from sgps.pretraining.pool import LabelSource, Pool

_TEXT_DROPOUT = 0.3
"""Share of tasks without any description."""
_TEXT_ONLY = 0.1
"""Share of tasks without any support picture."""
_MIXED = 0.1
"""Share of tasks in which one class has no picture or one has no description."""


@dataclass(frozen=True, kw_only=True)
class TaskDraw:
    """One task: pictures by their place in the pool."""

    source: int
    """Place of the label source."""
    classes: tuple[int, ...]
    """Classes of that source, in the order of the task's labels."""
    support: tuple[int, ...]
    support_labels: tuple[int, ...]
    query: tuple[int, ...]
    query_labels: tuple[int, ...]
    described: tuple[bool, ...]
    """For each class whether its description is given."""
    is_seen: bool
    """Whether the experts have learned this source's classes."""


class TaskStream:
    """An endless, seeded series of tasks."""

    def __init__(
        self,
        pool: Pool,
        unseen: Sequence[LabelSource],
        seen: Sequence[LabelSource],
        config: Episodic,
        seed: int,
    ) -> None:
        """Prepare to draw from `unseen` and, in `config.seen_share` of the tasks, from `seen`."""
        self.sources = [*unseen, *seen]
        self._unseen = range(len(unseen))
        self._seen = range(len(unseen), len(self.sources))
        self._config = config
        self._seed = seed
        self._groups = pool.groups
        self._members = [
            [source.indices[source.labels == c].numpy() for c in range(len(source.class_names))]
            for source in self.sources
        ]

    def draw(self, index: int) -> TaskDraw:
        """Return task `index`."""
        rng = np.random.default_rng([self._seed, index])
        config = self._config
        is_seen = bool(rng.random() < config.seen_share) if len(self._seen) else False
        candidates = self._seen if is_seen or not len(self._unseen) else self._unseen
        source = int(rng.choice(list(candidates)))
        members = self._members[source]
        usable = [c for c, own in enumerate(members) if len(own) >= 2]
        way = int(rng.integers(2, min(config.max_way, len(usable)) + 1))
        classes = tuple(int(c) for c in rng.permutation(usable)[:way])
        described, pictured = self._modalities(rng, way)
        shot = int(rng.integers(1, config.max_shot + 1))
        unequal = rng.random() < 0.3
        support, support_labels, query, query_labels = [], [], [], []
        for label, c in enumerate(classes):
            own = rng.permutation(members[c])
            wanted = int(rng.integers(1, config.max_shot + 1)) if unequal else shot
            chosen = own[: min(wanted, len(own) - 1)]
            taken = {self._groups[i] for i in chosen}
            rest = [int(i) for i in own[len(chosen) :] if self._groups[i] not in taken]
            if pictured[label]:
                support += [int(i) for i in chosen]
                support_labels += [label] * len(chosen)
            query += rest[: config.queries]
            query_labels += [label] * len(rest[: config.queries])
        if not query:
            return self.draw(index + 1_000_003)
        return TaskDraw(
            source=source,
            classes=classes,
            support=tuple(support),
            support_labels=tuple(support_labels),
            query=tuple(query),
            query_labels=tuple(query_labels),
            described=described,
            is_seen=is_seen,
        )

    def _modalities(
        self, rng: np.random.Generator, way: int
    ) -> tuple[tuple[bool, ...], tuple[bool, ...]]:
        """Which classes are described and which have pictures; every class has at least one of the two."""
        described, pictured = [True] * way, [True] * way
        kind = rng.random()
        if kind < _TEXT_DROPOUT:
            described = [False] * way
        elif kind < _TEXT_DROPOUT + _TEXT_ONLY:
            pictured = [False] * way
        elif kind < _TEXT_DROPOUT + _TEXT_ONLY + _MIXED:
            side = pictured if rng.random() < 0.5 else described
            side[int(rng.integers(way))] = False
        return tuple(described), tuple(pictured)
