"""Learn features: train a whole network on many labellings at once while its general features are kept alive.

In: a start (affine weights), a pool and its label sources. Out: the moving average of the trained weights. Loss:
cross-entropy of one linear head a labelling, on class-balanced batches, plus the cosine distance to the features of
frozen ImageNet teachers on the same augmented pictures. The step number alone decides what a step draws, so that a
resumed run repeats exactly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from sgps.pretraining.augment import augment
from sgps.pretraining.checkpoints import restore_training_state, training_state
from sgps.pretraining.config import Optimization
from sgps.pretraining.pool import LabelSource, Pool
from sgps.target.architecture import Architecture
from sgps.target.network import Weights, pooled_features


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """A frozen network whose features are to survive."""

    architecture: Architecture
    weights: Weights
    center: Tensor
    """Mean feature (F,) over the pool; cosines are taken around it."""

    def features(self, images: Tensor) -> Tensor:
        """Centered features (B, F) of pictures in [0, 1]."""
        return teacher_features(self.architecture, self.weights, images) - self.center


def normalized(architecture: Architecture, images: Tensor) -> Tensor:
    """Network input of pictures in [0, 1]."""
    mean = torch.tensor(architecture.mean, device=images.device).view(1, 3, 1, 1)
    std = torch.tensor(architecture.std, device=images.device).view(1, 3, 1, 1)
    return (images - mean) / std


@torch.no_grad()
def teacher_features(architecture: Architecture, weights: Weights, images: Tensor) -> Tensor:
    """Pooled features (B, F) of pictures in [0, 1], without gradient."""
    return pooled_features(architecture, weights, normalized(architecture, images))


def make_teacher(
    architecture: Architecture, weights: Weights, pool: Pool, image_size: int, seed: int
) -> Teacher:
    """Freeze a network as a teacher; its center is measured on 512 augmented pictures of the pool."""
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(pool.images), generator=generator)[:512]
    total = torch.zeros(architecture.num_features, device=pool.images.device)
    for part in torch.split(chosen, 64):
        views = augment(pool.images[part], image_size, generator)
        total += teacher_features(architecture, weights, views).sum(0)
    return Teacher(architecture=architecture, weights=weights, center=total / len(chosen))


class BatchSampler:
    """Draw (picture, labelling, class) triples: family, then labelling, then class, then picture.

    Labellings are drawn in proportion to the square root of their size, classes to the 0.3rd power of theirs, so that
    rare classes are seen often without a handful of pictures being repeated in every batch.
    """

    def __init__(self, sources: Sequence[LabelSource]) -> None:
        self.sources = sources
        families = sorted({source.family for source in sources})
        weight = torch.zeros(len(sources))
        for family in families:
            own = [i for i, source in enumerate(sources) if source.family == family]
            sizes = torch.tensor([len(sources[i].indices) for i in own]).float().sqrt()
            for i, share in zip(own, sizes / sizes.sum(), strict=True):
                is_attribute = "/" in sources[i].name
                weight[i] = share * len(own) ** 0.5 * (0.3 if is_attribute else 1.0)
        self._source_weight = weight
        self._members = [
            [source.indices[source.labels == c] for c in range(len(source.class_names))]
            for source in sources
        ]
        self._class_weight = [
            torch.tensor([float(len(members)) ** 0.3 if len(members) else 0.0 for members in own])
            for own in self._members
        ]

    def draw(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Return pictures, labellings and classes, int64 (size,) each, sorted by labelling."""
        chosen = torch.multinomial(self._source_weight, size, True, generator=generator)
        chosen = chosen.sort().values
        pictures, labels = [], []
        for source in chosen.tolist():
            label = int(torch.multinomial(self._class_weight[source], 1, generator=generator))
            members = self._members[source][label]
            pick = int(torch.randint(len(members), (1,), generator=generator))
            pictures.append(members[pick])
            labels.append(label)
        return torch.stack(pictures), chosen, torch.tensor(labels)


def learning_rate(config: Optimization, step: int) -> float:
    """Linear warm-up, then cosine to zero."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    progress = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))


class RepresentationRun:
    """One training run of one network: its state and the step that advances it."""

    def __init__(
        self,
        *,
        architecture: Architecture,
        start: Weights,
        pool: Pool,
        sources: Sequence[LabelSource],
        teachers: Sequence[Teacher],
        config: Optimization,
        seed: int,
    ) -> None:
        """Set the state before the first step: heads at zero, projectors at the identity."""
        self.architecture = architecture
        self.pool = pool
        self.sources = sources
        self.teachers = teachers
        self.config = config
        self.seed = seed
        self.step = 0
        self.device = pool.images.device
        self.average = {name: tensor.clone().to(self.device) for name, tensor in start.items()}
        self._sampler = BatchSampler(sources)
        features = architecture.num_features
        tensors = {name: tensor.clone() for name, tensor in start.items()}
        for source in sources:
            tensors[f"head.{source.name}.weight"] = torch.zeros(len(source.class_names), features)
            tensors[f"head.{source.name}.bias"] = torch.zeros(len(source.class_names))
        for index, teacher in enumerate(teachers):
            width = teacher.architecture.num_features
            tensors[f"projector.{index}"] = torch.eye(width, features)
        self.tensors = {k: v.to(self.device).requires_grad_() for k, v in tensors.items()}
        self.optimizer = torch.optim.AdamW(
            [
                {"params": [tensor], "factor": factor, "weight_decay": decay}
                for name, tensor in self.tensors.items()
                for factor, decay in [_pace(name, config.weight_decay)]
            ],
            lr=config.learning_rate,
        )

    def losses(self) -> tuple[Tensor, Tensor]:
        """Cross-entropy and distance to the teachers of the current step's batch."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.step)
        pictures, chosen, labels = self._sampler.draw(self.config.batch_size, generator)
        labels = labels.to(self.device)
        raw = self.pool.images[pictures.to(self.device)]
        views = augment(raw, self.config.image_size, generator)
        inputs = normalized(self.architecture, views)
        features = pooled_features(self.architecture, self.tensors, inputs)
        terms = []
        for index in torch.unique(chosen).tolist():
            own = (chosen == index).to(self.device)
            head = f"head.{self.sources[index].name}"
            scores = functional.linear(
                features[own], self.tensors[f"{head}.weight"], self.tensors[f"{head}.bias"]
            )
            smoothing = self.config.label_smoothing
            terms.append(
                functional.cross_entropy(
                    scores, labels[own], label_smoothing=smoothing, reduction="sum"
                )
            )
        distances = []
        for index, teacher in enumerate(self.teachers):
            mimic = functional.linear(features, self.tensors[f"projector.{index}"])
            cosine = functional.cosine_similarity(mimic - teacher.center, teacher.features(views))
            distances.append(1 - cosine.mean())
        return torch.stack(terms).sum() / len(labels), torch.stack(distances).mean()

    def advance(self) -> tuple[float, float]:
        """Do one step; return its cross-entropy and distance to the teachers."""
        cross_entropy, distance = self.losses()
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(cross_entropy + self.config.distillation * distance)
        torch.nn.utils.clip_grad_norm_(self.tensors.values(), 2.0)
        rate = learning_rate(self.config, self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        self.optimizer.step()
        self.step += 1
        decay = min(self.config.ema_decay, self.step / (10 + self.step))
        with torch.no_grad():
            for name, average in self.average.items():
                average.lerp_(self.tensors[name], 1 - decay)
        return float(cross_entropy.detach()), float(distance.detach())

    def state_dict(self) -> dict[str, Tensor]:
        """Everything needed to go on, as named tensors."""
        state = training_state(self.step, self.tensors, self.optimizer)
        return state | {f"average/{name}": tensor for name, tensor in self.average.items()}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state_dict` returned."""
        self.step = restore_training_state(state, self.tensors, self.optimizer)
        for name, average in self.average.items():
            average.copy_(state[f"average/{name}"])


def _pace(name: str, weight_decay: float) -> tuple[float, float]:
    """Factor on the learning rate, and the weight decay, of one trained tensor."""
    if name.startswith("head."):
        return 3.0, 0.0
    if name.startswith("projector."):
        return 1.0, 0.0
    # Early filters are general; moving them as fast as late ones costs unseen modalities more than it gains.
    early = name.startswith(("conv_stem", "bn1", "blocks.0.", "blocks.1."))
    is_filter = name.endswith(".weight") and ".bn" not in name and not name.startswith("bn")
    return (0.3 if early else 1.0), (weight_decay if is_filter else 0.0)
