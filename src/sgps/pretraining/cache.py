"""What never changes while the generator learns, computed once: base and expert features, embeddings.

In: a `SynthesisNetwork` that holds base and experts, a pool, a stream of tasks. Out: a `Cache`, and tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from sgps.datasets.catalogue import all_descriptions_of
from sgps.engine.model import SynthesisNetwork
from sgps.engine.text import TextEncoder
from sgps.pretraining.pool import LabelSource, Pool
from sgps.pretraining.task_stream import TaskStream
from sgps.target.network import pooled_features
from sgps.task import Preprocessing

_RESIDUALS_PER_CLASS = 40


@dataclass(frozen=True, kw_only=True)
class Cache:
    """What never changes while the generator learns, computed once for every picture of the pool that tasks use."""

    place: Mapping[int, int]
    """Row below of a picture of the pool."""
    stages: Tensor
    """The base's description (m, T)."""
    joined: Tensor
    """Unit features of base and experts side by side (m, F * (1 + K)), float16."""

    def rows(self, pictures: Sequence[int]) -> list[int]:
        """Rows of pictures of the pool."""
        return [self.place[picture] for picture in pictures]


@torch.no_grad()
def build_cache(
    network: SynthesisNetwork,
    pool: Pool,
    stream: TaskStream,
    prepare: Preprocessing,
    on_done: Callable[[int, int], None],
) -> Cache:
    """Run base and experts over every picture that tasks may use."""
    used = torch.unique(torch.cat([source.indices for source in stream.sources]))
    generator = network.generator
    stages, joined = [], []
    place = network.encoder.stage_mean.device
    for chunk in torch.split(used, 64):
        images = prepare.normalize(resized(pool.images[chunk].to(place), prepare.image_size))
        description = network.encoder.describe(generator.base_weights(), images)
        parts = [description.pooled]
        for index in range(len(generator.directions)):
            weights = generator.expert_weights(index)
            parts.append(pooled_features(network.architecture, weights, images))
        stages.append(description.stages)
        joined.append(torch.cat([functional.normalize(p, dim=1) for p in parts], 1).half())
        on_done(len(stages) * 64, len(used))
    rows = {int(picture): row for row, picture in enumerate(used)}
    return Cache(place=rows, stages=torch.cat(stages), joined=torch.cat(joined))


def resized(images: Tensor, size: int) -> Tensor:
    """uint8 pictures (n, 3, S, S) at another side."""
    if images.shape[-1] == size:
        return images
    smaller = functional.interpolate(
        images.float(), size=(size, size), mode="bicubic", antialias=True, align_corners=False
    )
    return smaller.round().clamp(0, 255).to(torch.uint8)


def description_embeddings(
    sources: Sequence[LabelSource], encoder: TextEncoder
) -> dict[tuple[str, int], Tensor]:
    """Embeddings (t, text_width) by source and class, as all texts of the catalogue describe it."""
    embeddings = {}
    for source in sources:
        texts = all_descriptions_of(source.set_name)
        for place, name in enumerate(source.class_names):
            if texts.get(name):
                embeddings[source.name, place] = encoder.encode(texts[name])
    return embeddings


def class_residuals(cache: Cache, sources: Sequence[LabelSource], num_features: int) -> Tensor:
    """Base features minus the mean of their class (m, F), at most 40 pictures a class so that no set dominates."""
    parts = []
    for source in sources:
        for c in range(len(source.class_names)):
            rows = cache.rows(source.indices[source.labels == c][:_RESIDUALS_PER_CLASS].tolist())
            features = cache.stages[rows, -num_features:]
            parts.append(features - features.mean(0))
    return torch.cat([part for part in parts if len(part) > 1])
