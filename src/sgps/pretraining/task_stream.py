"""Draw pretraining tasks: which classes, how many pictures of each, which of them are described.

In: label sources. Out: an endless series of `TaskDraw`; the i-th depends on (seed, i) only. A task mixes classes of
one image set, so that they differ in what a clinician would ask, not in where they come from. No group stands in both
support and query.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sgps.errors import InputError, listing
from sgps.pretraining.config import Episodic
from sgps.pretraining.pool import LabelSource, Pool

TEXT_DROPOUT = 0.3
"""Share of tasks without any description."""
_TEXT_ONLY = 0.1
"""Share of tasks without any support picture."""
_MIXED = 0.1
"""Share of tasks in which one class has no picture (of three or more) or one has no description."""

_ATTEMPTS = 100
"""Draws of one task before giving up; one nearly always suffices."""


@dataclass(frozen=True, kw_only=True)
class TaskDraw:
    """One task: pictures by their place in the pool."""

    source: str
    """Name of the label source."""
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


def draw_shot(rng: np.random.Generator, most: int) -> int:
    """Pictures of a class, 1 to `most`: the fewer the more often, since every one more matters less (log-uniform)."""
    return int(math.exp(rng.uniform(0, math.log(most + 1))))


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
        """Prepare to draw from `unseen` and, in `config.seen_share` of the tasks, from `seen`.

        Raises:
            InputError: no source has two classes of at least two groups each, one for the support, one for the query.
        """
        self.sources = [*unseen, *seen]
        self._config = config
        self._seed = seed
        self._groups = pool.groups
        self._members = [
            [source.indices[source.labels == c].numpy() for c in range(len(source.class_names))]
            for source in self.sources
        ]
        self._usable = [
            [c for c, own in enumerate(members) if len({self._groups[i] for i in own}) >= 2]
            for members in self._members
        ]
        posed = [i for i, usable in enumerate(self._usable) if len(usable) >= 2]
        self.posed = len(posed)
        """Number of sources that pose tasks."""
        self._unseen = [i for i in posed if i < len(unseen)]
        self._seen = [i for i in posed if i >= len(unseen)]
        if not posed:
            names = listing([source.name for source in self.sources]) or "no set"
            raise InputError(
                f"no task can be drawn from {names}: two classes with at least 2 groups of pictures each are "
                "needed. Add sets, or raise `max_images` in the recipe."
            )

    def draw(self, index: int) -> TaskDraw:
        """Return task `index`."""
        rng = np.random.default_rng([self._seed, index])
        for _ in range(_ATTEMPTS):
            task = self._attempt(rng)
            if task is not None:
                return task
        names = listing([self.sources[i].name for i in (*self._unseen, *self._seen)])
        raise InputError(
            f"no task can be drawn from {names}: groups hold pictures of nearly every class, so that none is left "
            "for the query. Check the column `group` of the manifests."
        )

    def _attempt(self, rng: np.random.Generator) -> TaskDraw | None:
        """Draw a task; none if its classes share groups so closely that one is left without pictures."""
        config = self._config
        wants_seen = bool(rng.random() < config.seen_share)
        is_seen = bool(self._seen) and (wants_seen or not self._unseen)
        source = int(rng.choice(self._seen if is_seen else self._unseen))
        usable = self._usable[source]
        way = int(rng.integers(2, min(config.max_way, len(usable)) + 1))
        classes = tuple(int(c) for c in rng.permutation(usable)[:way])
        described, pictured = self._modalities(rng, way)
        shot = draw_shot(rng, config.max_shot)
        unequal = rng.random() < 0.3
        shots = [draw_shot(rng, config.max_shot) if unequal else shot for _ in classes]
        orders = [[int(i) for i in rng.permutation(self._members[source][c])] for c in classes]
        # One group a class is kept for the query before any support is chosen. Groups are compared over the whole task:
        # a patient may have pictures of two classes.
        kept = {self._groups[own[-1]] for own in orders}
        chosen = [
            [i for i in own if self._groups[i] not in kept][:wanted]
            for own, wanted in zip(orders, shots, strict=True)
        ]
        taken = {self._groups[i] for own in chosen for i in own}
        asked = [
            [i for i in own if self._groups[i] not in taken][: config.queries] for own in orders
        ]
        if not all(chosen) or not all(asked):
            return None
        chosen = [own if has else [] for own, has in zip(chosen, pictured, strict=True)]
        return TaskDraw(
            source=self.sources[source].name,
            classes=classes,
            support=tuple(i for own in chosen for i in own),
            support_labels=tuple(label for label, own in enumerate(chosen) for _ in own),
            query=tuple(i for own in asked for i in own),
            query_labels=tuple(label for label, own in enumerate(asked) for _ in own),
            described=described,
            is_seen=is_seen,
        )

    def _modalities(
        self, rng: np.random.Generator, way: int
    ) -> tuple[tuple[bool, ...], tuple[bool, ...]]:
        """Which classes are described and which have pictures; every class has at least one of the two."""
        described, pictured = [True] * way, [True] * way
        kind = rng.random()
        if kind < TEXT_DROPOUT:
            described = [False] * way
        elif kind < TEXT_DROPOUT + _TEXT_ONLY:
            pictured = [False] * way
        elif kind < TEXT_DROPOUT + _TEXT_ONLY + _MIXED:
            drops_pictures = rng.random() < 0.5
            # With one pictured class left, the center of the support would be that class itself.
            side = pictured if drops_pictures and way > 2 else described
            side[int(rng.integers(way))] = False
        return tuple(described), tuple(pictured)
