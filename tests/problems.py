"""Made-up problems that can be learned: scattered features, and pictures of one color a class."""

from __future__ import annotations

import torch

from sgps.evaluation.peers import Peer
from sgps.target.architecture import build_architecture
from sgps.target.network import initial_weights
from sgps.task import Preprocessing


def problem(num_classes=3, shots=4, queries=10, width=16, noise=0.5, seed=0):
    """Features scattered around one center a class: support, its labels, queries, theirs."""
    generator = torch.Generator().manual_seed(seed)
    centers = torch.randn(num_classes, width, generator=generator)
    labels = [torch.arange(num_classes).repeat(count) for count in (shots, queries)]
    features = [
        centers[part] + noise * torch.randn(len(part), width, generator=generator)
        for part in labels
    ]
    return features[0], labels[0], features[1], labels[1]


def colored(labels, seed=0, side=32):
    """Noisy pictures: red for class 0, blue for class 1, green for class 2."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(60, 140, (len(labels), 3, side, side), generator=generator)
    for image, label in zip(images, labels, strict=True):
        image[(2 * label) % 3] += 60
    return images.to(torch.uint8)


def drawn_peer(name="test_efficientnet", side=32):
    """A backbone with drawn weights."""
    architecture = build_architecture(name)
    return Peer(
        name="tiny",
        architecture=architecture,
        weights=initial_weights(architecture, torch.Generator().manual_seed(0)),
        preprocessing=Preprocessing(image_size=side, mean=architecture.mean, std=architecture.std),
        sha256="0123456789abcdef" * 4,
    )


def accuracy(probabilities, truth):
    return float((probabilities.argmax(1) == truth).float().mean())
