"""Give episodes pictures of classes that their support lacks: a classifier should be less sure of them than of its queries.

In: the label and the group of every picture, and episodes. Out: the same episodes, the first of them with `outside` filled in.
The pictures come from a random stream of their own, so that the episodes stay what they were, and have a digest of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sgps.evaluation.episodes import Episode, digest_of

_STREAM = 1
_CANDIDATES = 60
"""Pictures of each class that may serve, the same for all episodes: a large set need not be read whole for these."""
_EPISODES = 200
"""First episodes that get any: enough for the one figure that needs them; each is one more picture for every method to answer."""


def with_outside(
    episodes: Sequence[Episode],
    labels: Sequence[str],
    groups: Sequence[str],
    *,
    count: int,
    seed: int,
) -> list[Episode]:
    """Add `count` pictures to each of the first 200 episodes, fewer where there are not as many.

    They are of the set's other classes, which take turns in a random order, so that a frequent one does not stand for all.
    None is of a group that is in the support or among the queries.

    Args:
        episodes: drawn from pictures with these labels and groups.
        labels: class of each picture.
        groups: group of each picture.
        count: pictures an episode, over all other classes.
        seed: with the episode's place in the list it decides the pictures.
    """
    names = np.asarray(labels, dtype=object)
    owners = np.unique(np.asarray(groups, dtype=str), return_inverse=True)[1]
    choice = np.random.default_rng([seed, _STREAM])
    members = {
        name: choice.permutation(np.flatnonzero(names == name))[:_CANDIDATES]
        for name in sorted(set(labels))
    }
    filled = []
    for index, episode in enumerate(episodes[:_EPISODES]):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index, _STREAM)))
        taken = np.zeros(len(owners), dtype=bool)
        taken[owners[[*episode.support, *episode.query]]] = True
        others = [name for name in members if name not in episode.classes]
        queues = []
        for place in rng.permutation(len(others)):
            own = members[others[place]]
            queues.append([int(i) for i in rng.permutation(own[~taken[owners[own]]])[:count]])
        turns = [queue[turn] for turn in range(count) for queue in queues if turn < len(queue)]
        filled.append(replace(episode, outside=tuple(turns[:count])))
    return [*filled, *episodes[_EPISODES:]]


def outside_digest(episodes: Sequence[Episode]) -> str | None:
    """SHA-256 of the outside pictures, episode by episode; `None` where there is none at all."""
    rows = [list(episode.outside) for episode in episodes]
    return digest_of(rows) if any(rows) else None
