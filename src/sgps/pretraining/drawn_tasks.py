"""Draw tasks with answers: of three to five classes, all with as many pictures, all of them described or none.

In: how many, and of what size. Out: an `AskedTask` each, kinds of drawings taking turns.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from sgps.drawings.tasks import draw_task
from sgps.engine.model import TaskTensors
from sgps.engine.text import TextEncoder
from sgps.pretraining.calibration import AskedTask
from sgps.pretraining.config import Episodic
from sgps.pretraining.task_stream import TEXT_DROPOUT, draw_shot
from sgps.task import Preprocessing

_SERIES = 20_000_000
"""Added to the seed, so that these are other tasks than anything else draws."""


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
        return prepare.normalize(images.to(device))

    for index in range(count):
        rng = np.random.default_rng([seed, index, 4])
        task = draw_task(
            seed + _SERIES,
            index,
            n_shot=draw_shot(rng, config.max_shot),
            n_query=config.queries,
            image_size=prepare.image_size,
        )
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
