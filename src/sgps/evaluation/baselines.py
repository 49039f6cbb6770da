"""Ordinary few-shot peers: three heads on given features, and fine-tuning of a whole network.

In: features of the support and of the queries, wherever they come from (fine-tuning: pictures and a backbone).
Out: probabilities (Q, N), float64. The constants are the same for every set, way and shot, because somebody with five
pictures has no validation set. They were chosen once to make the peers strong: the best accuracy, then the best
likelihood, averaged over nine train sets, 1 and 5 shots, and two ImageNet backbones (V2-B0 and Lite0) at 128 px.

Shapes: n support pictures, Q queries, F features, N classes, S side of a picture in pixels.
"""

from __future__ import annotations

import warnings
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from sgps.target.architecture import Architecture
from sgps.target.network import Weights, logits, pooled_features
from sgps.task import Preprocessing

PROTOTYPE_SCALE: Final = 2.5
"""Multiplies cosines before softmax; does not change the decision. 10, usual elsewhere, is overconfident here."""
RIDGE_PENALTY: Final = 0.5
"""Accuracy is flat between 0.2 and 0.7."""
RIDGE_SCALE: Final = 3.5
"""Multiplies ridge scores, which aim at 0 and 1, before softmax; does not change the decision."""
LOGISTIC_C: Final = 10.0
"""Inverse penalty; accuracy is within 0.1 points between 10 and 300, and likelihood is best at 10 or below."""
LOGISTIC_ITERATIONS: Final = 1000
FINETUNE_STEPS: Final = 30
FINETUNE_BATCH: Final = 32
FINETUNE_BACKBONE_RATE: Final = 1e-4
"""Of 3e-5, 1e-4 and 3e-4 (on 21 episodes of five train sets, V2-B0); three times more destroys the features."""
FINETUNE_HEAD_RATE: Final = 1e-3
FINETUNE_WEIGHT_DECAY: Final = 1e-2


def constants() -> dict[str, float]:
    """The fixed constants by name, to be stored beside the results."""
    return {
        "prototype_scale": PROTOTYPE_SCALE,
        "ridge_penalty": RIDGE_PENALTY,
        "ridge_scale": RIDGE_SCALE,
        "logistic_c": LOGISTIC_C,
        "finetune_steps": FINETUNE_STEPS,
        "finetune_batch": FINETUNE_BATCH,
        "finetune_backbone_rate": FINETUNE_BACKBONE_RATE,
        "finetune_head_rate": FINETUNE_HEAD_RATE,
        "finetune_weight_decay": FINETUNE_WEIGHT_DECAY,
    }


def center_and_normalize(support: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
    """Scale features to length 1, subtract the support's mean, scale to length 1 again; the mean never sees a query."""
    support, query = (functional.normalize(part.double(), dim=1) for part in (support, query))
    mean = support.mean(0)
    return functional.normalize(support - mean, dim=1), functional.normalize(query - mean, dim=1)


def prototype(
    support_features: Tensor, support_labels: Tensor, query_features: Tensor, num_classes: int
) -> Tensor:
    """Softmax of the scaled cosine between a query and each class's mean (N columns)."""
    support, query = center_and_normalize(support_features, query_features)
    targets = _one_hot(support_labels, num_classes)
    means = functional.normalize(targets.T @ support / targets.sum(0)[:, None], dim=1)
    return (PROTOTYPE_SCALE * (query @ means.T)).softmax(1)


def ridge(
    support_features: Tensor, support_labels: Tensor, query_features: Tensor, num_classes: int
) -> Tensor:
    """Ridge regression onto one-hot targets with a free intercept, in closed form with an n x n system."""
    support, query = center_and_normalize(support_features, query_features)
    mean = support.mean(0)
    support, query = support - mean, query - mean
    targets = _one_hot(support_labels, num_classes)
    offset = targets.mean(0)
    penalty = RIDGE_PENALTY * torch.eye(len(support), dtype=support.dtype)
    dual = torch.linalg.solve(support @ support.T + penalty, targets - offset)
    scores = query @ support.T @ dual + offset
    probabilities: Tensor = (RIDGE_SCALE * scores).softmax(1)
    return probabilities


def logistic(
    support_features: Tensor, support_labels: Tensor, query_features: Tensor, num_classes: int
) -> Tensor:
    """Scikit-learn's multinomial logistic regression."""
    # Imported here because every command of the command line would pay for it at its start.
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    support, query = center_and_normalize(support_features, query_features)
    _one_hot(support_labels, num_classes)
    model = LogisticRegression(C=LOGISTIC_C, max_iter=LOGISTIC_ITERATIONS)
    with warnings.catch_warnings():
        # A thousand iterations always suffice to rank the classes; the last digits are not worth a warning per episode.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(support.numpy(), support_labels.numpy())
    return torch.from_numpy(model.predict_proba(query.numpy()))


def finetune(
    architecture: Architecture,
    weights: Weights,
    preprocessing: Preprocessing,
    support_images: Tensor,
    support_labels: Tensor,
    query_images: Tensor,
    num_classes: int,
    *,
    seed: int,
    steps: int = FINETUNE_STEPS,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Train a copy of the whole backbone and a linear head on the support pictures, then classify the queries.

    Args:
        architecture: which network.
        weights: affine weights of its backbone; left as they are.
        preprocessing: mean and standard deviation that the backbone expects.
        support_images: uint8 (n, 3, S, S).
        support_labels: int64 (n,).
        query_images: uint8 (Q, 3, S, S).
        num_classes: N.
        seed: decides the batches and the flips.
        steps: optimizer steps, each on at most `FINETUNE_BATCH` pictures.
        device: where to run.

    Returns:
        Probabilities (Q, N).
    """
    generator = torch.Generator().manual_seed(seed)
    trained = {
        spec.name: weights[spec.name].detach().to(device).float().clone().requires_grad_()
        for spec in architecture.parameters
    }
    backbone = list(trained.values())
    start = backbone_features(architecture, trained, preprocessing, support_images, device)
    head = _prototype_head(start, support_labels, num_classes)
    trained |= {name: tensor.to(device).requires_grad_() for name, tensor in head.items()}
    optimizer = torch.optim.AdamW(
        [
            {"params": backbone, "lr": FINETUNE_BACKBONE_RATE},
            {"params": [trained[name] for name in head], "lr": FINETUNE_HEAD_RATE},
        ],
        weight_decay=FINETUNE_WEIGHT_DECAY,
    )
    count = len(support_images)
    for _ in range(steps):
        batch = torch.randperm(count, generator=generator)[:FINETUNE_BATCH]
        flipped = _random_flips(support_images[batch], generator)
        scores = logits(architecture, trained, preprocessing.normalize(flipped.to(device)))
        loss = functional.cross_entropy(scores, support_labels[batch].to(device))
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    with torch.no_grad():
        parts = [
            logits(architecture, trained, preprocessing.normalize(part.to(device))).double()
            for part in torch.split(query_images, 64)
        ]
    return torch.cat(parts).softmax(1).cpu()


def _prototype_head(features: Tensor, labels: Tensor, num_classes: int) -> dict[str, Tensor]:
    """A linear layer that decides as a prototype head does: a better start of fine-tuning than zero or noise."""
    mean = features.mean(0)
    spread = (features - mean).norm(dim=1).mean()
    targets = _one_hot(labels, num_classes).float()
    means = functional.normalize(targets.T @ (features - mean), dim=1)
    weight = PROTOTYPE_SCALE / spread * means
    return {"classifier.weight": weight, "classifier.bias": -weight @ mean}


def backbone_features(
    architecture: Architecture,
    weights: Weights,
    preprocessing: Preprocessing,
    images: Tensor,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Pooled features (B, F) of uint8 pictures (B, 3, S, S), on the CPU."""
    with torch.no_grad():
        normalized = preprocessing.normalize(images.to(device))
        return pooled_features(architecture, weights, normalized).float().cpu()


def _one_hot(labels: Tensor, num_classes: int) -> Tensor:
    """Targets (n, N); every class must have a picture, which episodes guarantee."""
    targets = functional.one_hot(labels, num_classes).double()
    if not bool((targets.sum(0) > 0).all()):
        raise ValueError("a class has no support picture")
    return targets


def _random_flips(images: Tensor, generator: torch.Generator) -> Tensor:
    """Flip each picture left to right and top to bottom, each with probability one half."""
    coins = torch.rand(2, len(images), generator=generator) < 0.5
    for axis, coin in zip((3, 2), coins, strict=True):
        images = torch.where(coin[:, None, None, None], images.flip(axis), images)
    return images
