"""Mix drawn pictures into the pool: each attribute that is drawn becomes a labelling to learn.

In: a pool with room for more pictures. Out: the pool with drawn ones there. A drawing's attributes are known exactly and
vary on their own, so that what is learned from them is the attribute and not what comes with it in one set or another.

Source: natural and synthetic pictures in one training, after Stallmann et al., "Towards an automatic analysis of CHO-K1
suspension growth in microfluidic single-cell cultivation", Bioinformatics 2021.
"""

from __future__ import annotations

import dataclasses

import torch

from sgps.drawings.tasks import Look, draw_any
from sgps.pretraining.pool import LabelSource, Pool

FAMILY = "drawn"
"""Family of these labellings; no set of pictures has it."""


def with_drawn(pool: Pool, seed: int) -> Pool:
    """Draw pictures, as many of each kind, into the room that the pool has for more."""
    first = len(pool.groups)
    count = len(pool.images) - first
    looks: list[tuple[str, Look]] = []
    for index in range(count):
        kind, look, picture = draw_any(seed, index, pool.images.shape[-1])
        pool.images[first + index] = picture
        looks.append((kind, look))
    sources = []
    for kind in sorted({kind for kind, _ in looks}):
        own = [row for row, (name, _) in enumerate(looks) if name == kind]
        for attribute in looks[own[0]][1]:
            values = [looks[row][1][attribute] for row in own]
            names = tuple(sorted(set(values)))
            sources.append(
                LabelSource(
                    name=f"drawn-{kind}/{attribute}",
                    family=FAMILY,
                    indices=torch.tensor(own) + first,
                    labels=torch.tensor([names.index(value) for value in values]),
                    class_names=names,
                )
            )
    return dataclasses.replace(
        pool,
        groups=pool.groups + tuple(f"drawn/{index}" for index in range(count)),
        sources=pool.sources + tuple(sources),
    )
