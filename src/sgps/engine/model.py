"""The engine's network, whole: from tensors of a task to the weights of its classifier. Differentiable end to end.

In: `TaskTensors`. Out: every weight of the target network, classifier included. The same code synthesizes and is pretrained.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from sgps.engine.config import EngineConfig
from sgps.engine.encoders import ImageDescription, SemanticEncoder
from sgps.engine.head import Head, mean_shots
from sgps.engine.task_encoder import TaskEncoder
from sgps.engine.weight_generator import Codes, WeightGenerator
from sgps.target.architecture import build_architecture
from sgps.target.network import Weights, pooled_features


@dataclass(frozen=True, kw_only=True)
class TaskTensors:
    """A task as the network reads it: n support pictures, N classes."""

    images: Tensor
    """Normalized support pictures (n, 3, S, S)."""
    labels: Tensor
    """int64 (n,) in [0, N)."""
    text: Tensor
    """Mean sentence embedding of each class (N, text_width); zero where there is no description."""
    has_text: Tensor
    """bool (N,)."""


def mirror_views(images: Tensor, count: int) -> Tensor:
    """The first `count` of the square's eight symmetries of each picture: (n, C, S, S) to (n * count, C, S, S)."""
    turned = [torch.rot90(images, quarter, (2, 3)) for quarter in (0, 2, 1, 3)]
    views = [turned[0], turned[0].flip(3), turned[1], turned[1].flip(3)]
    views += [turned[2], turned[2].flip(3), turned[3], turned[3].flip(3)]
    return torch.stack(views[:count], 1).flatten(0, 1)


class SynthesisNetwork(nn.Module):
    """SemanticEncoder, TaskEncoder, WeightGenerator and Head in a row."""

    family_centers: Tensor

    def __init__(self, config: EngineConfig) -> None:
        super().__init__()
        self.config = config
        self.architecture = build_architecture(config.architecture)
        self.encoder = SemanticEncoder(config)
        self.task_encoder = TaskEncoder(config)
        self.generator = WeightGenerator(config)
        self.head = Head(config)
        total = len(self.encoder.stage_mean)
        self.register_buffer("family_centers", torch.zeros(len(config.experts), total))

    def affinity(self, description: ImageDescription) -> Tensor:
        """Cosine (K,) between the task's mean standardized features and each family's; zero without pictures."""
        if len(description.stages) == 0:
            return self.family_centers.new_zeros(len(self.family_centers))
        mean = self.encoder.standardized(description).mean(0)
        return functional.cosine_similarity(self.family_centers, mean[None], dim=1)

    def codes(self, task: TaskTensors) -> Codes:
        """Read the task and decide the codes of every tensor."""
        with torch.no_grad():
            description = self.encoder.describe(self.generator.base_weights(), task.images)
        return self.codes_from(description, task)

    def codes_from(self, description: ImageDescription, task: TaskTensors) -> Codes:
        """The same, for base features that are known already."""
        class_tokens, task_token = self.task_encoder(
            self.encoder.image_tokens(description),
            task.labels,
            self.encoder.text_tokens(task.text),
            task.has_text,
        )
        codes: Codes = self.generator(class_tokens, task_token, self.affinity(description))
        # What an expert knows beforehand stands in for pictures, and counts less the more of them there are.
        shots = max(1.0, mean_shots(torch.bincount(task.labels)))
        faded = codes.experts / shots**self.config.expert_decay
        return replace(codes, experts=faded)

    def support_features(self, weights: Weights, images: Tensor, views: int) -> Tensor:
        """Features (n, V, F) of V views of each picture under given weights."""
        if len(images) == 0:
            return images.new_zeros(0, views, self.architecture.num_features)
        features = pooled_features(self.architecture, weights, mirror_views(images, views))
        return features.view(len(images), views, -1)

    def add_head(self, weights: dict[str, Tensor], task: TaskTensors) -> dict[str, Tensor]:
        """Complete a backbone with the closed-form classifier for the task."""
        features = self.support_features(weights, task.images, self.config.views)
        weight, bias = self.head(features, task.labels, task.text, task.has_text)
        return {**weights, "classifier.weight": weight, "classifier.bias": bias}

    def forward(self, task: TaskTensors) -> dict[str, Tensor]:
        """Every weight of the classifier for the task."""
        return self.add_head(self.generator.compose(self.codes(task)), task)
