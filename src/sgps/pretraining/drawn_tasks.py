"""Draw tasks with answers: of three to five classes, all with as many pictures, all of them described or none.

In: how many, and of what size. Out: an `AskedTask` each, kinds of drawings taking turns.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np
import torch
from torch import Tensor

from sgps.drawings.tasks import draw_task
from sgps.engine.model import TaskTensors
from sgps.engine.text import TextEncoder
from sgps.pretraining.calibration import AskedTask
from sgps.pretraining.config import Episodic
from sgps.pretraining.parallel import own_cpu_count, sent, spread
from sgps.pretraining.task_stream import TEXT_DROPOUT, draw_shot
from sgps.task import Preprocessing

_SERIES = 20_000_000
"""Added to the seed, so that these are other tasks than anything else draws."""
_AT_ONCE = 32
"""Tasks that are drawn before the first of them is answered."""


def drawn_tasks(
    count: int,
    config: Episodic,
    seed: int,
    encoder: TextEncoder,
    prepare: Preprocessing,
    device: torch.device,
) -> Iterator[AskedTask]:
    """Draw so many tasks.

    Args:
        count: number of tasks.
        config: the most pictures of a class, and queries of each.
        seed: names the series.
        encoder: embeds the descriptions.
        prepare: preprocessing of the engine.
        device: where tensors go.
    """

    def picture(images: Tensor) -> Tensor:
        return prepare.normalize(sent(images, device))

    chances = [np.random.default_rng([seed, index, 4]) for index in range(count)]
    calls = [
        (
            seed + _SERIES,
            index,
            draw_shot(rng, config.max_shot),
            config.queries,
            prepare.image_size,
        )
        for index, rng in enumerate(chances)
    ]
    # Not all at once: they would lie in memory until they are asked for.
    parts = [calls[begin : begin + _AT_ONCE] for begin in range(0, count, _AT_ONCE)]
    drawn = (spread(draw_task, part, own_cpu_count()) for part in parts)
    for rng, task in zip(chances, chain.from_iterable(drawn), strict=True):
        means = torch.stack([encoder.encode(texts).mean(0) for texts in task.descriptions])
        is_described = bool(rng.random() >= TEXT_DROPOUT)

        yield AskedTask(
            tensors=TaskTensors(
                images=picture(task.support_images),
                labels=task.support_labels.to(device),
                text=(means * is_described).to(device),
                has_text=torch.full((len(means),), is_described, device=device),
            ),
            queries=picture(task.query_images),
            labels=task.query_labels.to(device),
        )
