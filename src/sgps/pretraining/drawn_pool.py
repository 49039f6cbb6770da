"""Put drawn pictures into the pool: each attribute that is drawn becomes a labelling to learn.

In: a pool with room for more pictures. Out: the pool with drawn ones there. A drawing's attributes are known exactly and
vary on their own, so that what is learned from them is the attribute and not what comes with it in one set or another.

Source: natural and synthetic pictures in one training, after Stallmann et al., "Towards an automatic analysis of CHO-K1
suspension growth in microfluidic single-cell cultivation", Bioinformatics 2021.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor

from sgps.drawings.tasks import Look, draw_any
from sgps.pretraining.config import DRAWN
from sgps.pretraining.parallel import own_cpu_count, spread
from sgps.pretraining.pool import LabelSource, Pool

_OF_JOB = 500
"""Drawings that a process makes at once; as many at least pay for the start of a further one."""


def with_drawn(pool: Pool, seed: int) -> Pool:
    """Draw pictures, as many of each kind, into the room that the pool has for more."""
    first = len(pool.groups)
    count = len(pool.images) - first
    looks: list[tuple[str, Look]] = []
    parts = [range(begin, min(begin + _OF_JOB, count)) for begin in range(0, count, _OF_JOB)]
    calls = [(seed, part, pool.images.shape[-1]) for part in parts]
    for pictures, own_looks in spread(draw_part, calls, own_cpu_count()):
        begin = first + len(looks)
        pool.images[begin : begin + len(pictures)] = pictures
        looks += own_looks
    sources = []
    for kind in sorted({kind for kind, _ in looks}):
        own = [row for row, (name, _) in enumerate(looks) if name == kind]
        for attribute in looks[own[0]][1]:
            values = [looks[row][1][attribute] for row in own]
            names = tuple(sorted(set(values)))
            sources.append(
                LabelSource(
                    name=f"drawn-{kind}/{attribute}",
                    family=DRAWN,
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


def draw_part(
    seed: int, indices: Sequence[int], size: int
) -> tuple[Tensor, list[tuple[str, Look]]]:
    """Draw these pictures of the series that `seed` names, uint8 (n, 3, S, S), and give kind and look of each."""
    drawn = [draw_any(seed, index, size) for index in indices]
    return torch.stack([picture for _, _, picture in drawn]), [
        (kind, look) for kind, look, _ in drawn
    ]
