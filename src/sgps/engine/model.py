"""The engine's network, whole: from tensors of a task to the weights of its classifier. Differentiable end to end.

In: `TaskTensors`. Out: every weight of the target network, classifier included. The same code synthesizes and is pretrained.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sgps.engine.class_memory import ClassMemory, Recall
from sgps.engine.config import EngineConfig
from sgps.engine.encoders import AT_ONCE, ImageDescription, SemanticEncoder
from sgps.engine.head import Head
from sgps.engine.lexicon import Lexicon
from sgps.engine.task_encoder import TaskEncoder
from sgps.engine.typicality import TypicalityReader
from sgps.engine.weight_generator import Codes, WeightGenerator
from sgps.target.architecture import build_architecture
from sgps.target.network import Weights, pooled_features
from sgps.target.typicality import Typicality

_VIEWS_OF_CLASS = 20
"""Most views of a class's pictures, all together. With ten pictures one view of each is as good as four (`docs/log.md`)."""
_DRAWN_WORTH = 0.5
"""Pictures of a class that drawings of its words are worth where they are clearly heard. Chosen on dev."""


@dataclass(frozen=True, kw_only=True)
class TaskTensors:
    """A task as the network reads it: n support pictures, N classes."""

    images: Tensor
    """Normalized support pictures (n, 3, S, S)."""
    labels: Tensor
    """int64 (n,) in [0, N)."""
    text: Tensor
    """Mean embedding of each class's descriptions (N, text_width); zero where there is none."""
    has_text: Tensor
    """bool (N,)."""
    allowed: Tensor | None = None
    """bool (M,), which known classes may be recalled; all by default. Pretraining hides the task's own."""


def mirror_views(images: Tensor, count: int) -> Tensor:
    """The first `count` of the square's eight symmetries of each picture: (n, C, S, S) to (n * count, C, S, S)."""
    turned = [torch.rot90(images, quarter, (2, 3)) for quarter in (0, 2, 1, 3)]
    views = [turned[0], turned[0].flip(3), turned[1], turned[1].flip(3)]
    views += [turned[2], turned[2].flip(3), turned[3], turned[3].flip(3)]
    return torch.stack(views[:count], 1).flatten(0, 1)


class SynthesisNetwork(nn.Module):
    """Encoder, memory, lexicon, task encoder, weight generator and head in a row; and what reads how typical pictures are."""

    def __init__(self, config: EngineConfig) -> None:
        super().__init__()
        self.config = config
        self.architecture = build_architecture(config.architecture)
        self.encoder = SemanticEncoder(config)
        self.task_encoder = TaskEncoder(config)
        self.generator = WeightGenerator(config)
        self.head = Head(config)
        self.memory = ClassMemory(config)
        self.lexicon = Lexicon(config)
        self.typicality = TypicalityReader()

    def read(self, task: TaskTensors, without: Collection[str] = ()) -> tuple[Codes, Recall]:
        """Read the task: the codes of every tensor, and what is known of its classes; some parts may be switched off."""
        with torch.no_grad():
            description = self.encoder.describe(self.generator.base_weights(), task.images)
        recall = self.recall(description, task, without)
        return self.codes(description, task, recall).without(without), recall

    def recall(
        self, description: ImageDescription, task: TaskTensors, without: Collection[str] = ()
    ) -> Recall:
        """What is known of the task's classes, given base features of its pictures; some parts may be switched off."""
        pictures = None
        if len(task.labels):
            counts = torch.bincount(task.labels, minlength=len(task.has_text))
            weights = (1 / counts.clamp(min=1))[task.labels].to(description.pooled.dtype)
            pictures = weights @ description.pooled / weights.sum()
        recall = self.words(task.text, task.has_text, pictures, task.allowed, without)
        return recall.agreeing(self.head.agreement(description.pooled, task.labels, recall))

    def words(
        self,
        text: Tensor,
        has_text: Tensor,
        pictures: Tensor | None = None,
        allowed: Tensor | None = None,
        without: Collection[str] = (),
    ) -> Recall:
        """What memory and lexicon say to descriptions; arguments as for `ClassMemory`."""
        recall: Recall = (
            self.memory.nothing(len(has_text))
            if "memory" in without
            else self.memory(text, has_text, pictures, allowed)
        )
        if "lexicon" in without:
            return recall
        directions, clarity = self.lexicon(text, has_text)
        return recall.joined(directions, _DRAWN_WORTH * clarity)

    def codes(self, description: ImageDescription, task: TaskTensors, recall: Recall) -> Codes:
        """Decide the codes of every tensor, given base features of the task's pictures."""
        class_tokens, task_token = self.task_encoder(
            self.encoder.image_tokens(description),
            task.labels,
            self.encoder.text_tokens(task.text),
            task.has_text,
        )
        codes: Codes = self.generator(class_tokens, task_token, recall.familiarity)
        return codes

    def support_features(self, weights: Weights, images: Tensor, views: int) -> Tensor:
        """Features (n, V, F) of V views of each picture under given weights."""
        if len(images) == 0:
            return images.new_zeros(0, views, self.architecture.num_features)
        features = [
            pooled_features(self.architecture, weights, mirror_views(batch, views))
            for batch in torch.split(images, max(1, AT_ONCE // views))
        ]
        return torch.cat(features).view(len(images), views, -1)

    def views_of(self, task: TaskTensors) -> int:
        """How many views of each picture the head gets: fewer where there are many pictures, which say more than views do."""
        shots = len(task.labels) / len(task.has_text)
        return max(1, min(self.config.views, int(_VIEWS_OF_CLASS / max(1.0, shots))))

    def task_features(self, weights: Weights, task: TaskTensors) -> Tensor:
        """Features (n, V, F) of the task's pictures under a backbone, as many views of each as the head gets."""
        return self.support_features(weights, task.images, self.views_of(task))

    def add_head(
        self, weights: dict[str, Tensor], features: Tensor, task: TaskTensors, recall: Recall
    ) -> dict[str, Tensor]:
        """Complete a backbone with the closed-form classifier for the task, whose features (n, V, F) are known."""
        weight, bias = self.head(features, task.labels, recall)
        return {**weights, "classifier.weight": weight, "classifier.bias": bias}

    def typical(self, features: Tensor, task: TaskTensors) -> Typicality | None:
        """What tells pictures like the task's, whose features (n, V, F) are known, from others; None where nothing can."""
        of_pictures, middle = features.mean(1), self.head.feature_mean
        known: Typicality | None = self.typicality(
            of_pictures, task.labels, len(task.has_text), middle
        )
        return known

    def strangeness(
        self, features: Tensor, task: TaskTensors, queries: Tensor
    ) -> tuple[Tensor, Tensor]:
        """How strange the task's pictures are to each other on average, (), and queries (Q, F) to them, (Q,)."""
        args = features.mean(1), task.labels, self.head.feature_mean
        return self.typicality.left_out(*args), self.typicality.of_queries(*args, queries)

    def forward(self, task: TaskTensors) -> dict[str, Tensor]:
        """Every weight of the classifier for the task."""
        codes, recall = self.read(task)
        weights = self.generator.compose(codes)
        return self.add_head(weights, self.task_features(weights, task), task, recall)
