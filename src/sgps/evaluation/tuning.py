"""Comparison methods that take gradient steps on the support: what zero training is measured against.

In: a peer backbone, pictures and labels of the support, a seed. Out: `Fitted`, which classifies pictures. The peer's own
weights stay as they are; every step is made on a copy. Nothing reads a query, and no method has a validation set: steps and
rates are fixed for every set, way and shot.

    finetune        the whole network and a linear head, on randomly flipped pictures
    finetune_head   the linear head alone, on the features of four fixed flips
    anil            few steps of plain gradient descent, large on the head and small on the last stage: the inner loop of
                    MAML and ANIL (Finn et al., arXiv 1703.03400; Raghu et al., arXiv 1909.09157). There is no outer loop:
                    it starts from ImageNet weights and a prototype head, which nobody meta-learned
    protokd         after Trehan et al., "ProtoKD", arXiv 2309.10210: rotations as further support, a prototype loss between
                    rotations, and self-distillation, since two rotations of a picture must be judged alike. In the paper
                    prototypes teach a linear layer and a network learns for thousands of steps; here each rotation's
                    prototypes judge the other's pictures, and a few steps follow from ImageNet weights

All but `protokd` start from a head that decides as prototypes do, which beats zero and noise.

Shapes: n support pictures, Q queries, F features, N classes, S side of a picture in pixels.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from sgps.evaluation.heads import PROTOTYPE_SCALE, Fitted, float_bytes, one_hot, prototype
from sgps.evaluation.peers import Peer
from sgps.target.network import Weights, logits, pooled_features

FINETUNE_STEPS: Final = 30
FINETUNE_BATCH: Final = 32
FINETUNE_BACKBONE_RATE: Final = 1e-4
"""Of 3e-5, 1e-4 and 3e-4 (on 21 episodes of five train sets, V2-B0); three times more destroys the features."""
FINETUNE_HEAD_RATE: Final = 1e-3
FINETUNE_WEIGHT_DECAY: Final = 1e-2
FINETUNE_HEAD_STEPS: Final = 100
"""Of the head alone, at the same rate; each costs next to nothing, since the features are computed once."""
ANIL_STEPS: Final = 5
"""As many as MAML's inner loop takes on miniImageNet."""
ANIL_HEAD_RATE: Final = 1.0
"""For a head on features of mean length 1, so that it means the same on every backbone."""
ANIL_BODY_RATE: Final = 1e-3
ANIL_CLIP: Final = 10.0
"""Longest gradient of the last stage; a set on which it explodes must not end a run."""
PROTOKD_STEPS: Final = 10
PROTOKD_BATCH: Final = 16
"""Most pictures of a step, in two rotations each; never fewer than one a class."""
PROTOKD_RATE: Final = 1e-4
"""The paper's."""
PROTOKD_TEMPERATURE: Final = 2.0
"""Softens the predictions that rotations teach each other."""
PROTOKD_DISTILLATION: Final = 1.0
"""Weight of self-distillation beside the prototype loss."""

_CHUNK = 64
"""Pictures that pass through a network at a time."""


def finetune(
    peer: Peer,
    images: Tensor,
    labels: Tensor,
    num_classes: int,
    *,
    seed: int,
    device: torch.device | str = "cpu",
) -> Fitted:
    """Train a copy of the whole backbone and a linear head.

    Args:
        peer: the backbone to start from.
        images: uint8 (n, 3, S, S).
        labels: int64 (n,).
        num_classes: N.
        seed: decides the batches and the flips.
        device: where to run.
    """
    generator = torch.Generator().manual_seed(seed)
    backbone = _trainable(peer, device)
    head = _prototype_head(peer.features(images, device), labels, num_classes)
    head = {name: tensor.to(device).requires_grad_() for name, tensor in head.items()}
    trained = backbone | head
    optimizer = torch.optim.AdamW(
        [
            {"params": list(backbone.values()), "lr": FINETUNE_BACKBONE_RATE},
            {"params": list(head.values()), "lr": FINETUNE_HEAD_RATE},
        ],
        weight_decay=FINETUNE_WEIGHT_DECAY,
    )
    for _ in range(FINETUNE_STEPS):
        batch = torch.randperm(len(images), generator=generator)[:FINETUNE_BATCH]
        flipped = _random_flips(images[batch], generator).to(device)
        scores = logits(peer.architecture, trained, peer.preprocessing.normalize(flipped))
        loss = functional.cross_entropy(scores, labels[batch].to(device))
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    return _network(peer, trained, device)


def finetune_head(
    peer: Peer,
    images: Tensor,
    labels: Tensor,
    num_classes: int,
    *,
    seed: int,
    device: torch.device | str = "cpu",
) -> Fitted:
    """Train a linear head on the features of each picture as it is, flipped either way and flipped both ways.

    Arguments as for `finetune`; the views are fixed, so the seed decides nothing.
    """
    del seed
    views = [images, images.flip(3), images.flip(2), images.flip(2, 3)]
    features = torch.cat([peer.features(view, device) for view in views])
    targets = labels.repeat(len(views))
    head = _prototype_head(features, targets, num_classes)
    head = {name: tensor.requires_grad_() for name, tensor in head.items()}
    optimizer = torch.optim.AdamW(
        head.values(), lr=FINETUNE_HEAD_RATE, weight_decay=FINETUNE_WEIGHT_DECAY
    )
    for _ in range(FINETUNE_HEAD_STEPS):
        scores = functional.linear(features, head["classifier.weight"], head["classifier.bias"])
        loss = functional.cross_entropy(scores, targets)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    whole = {**peer.weights, **head}
    return _network(peer, {name: tensor.to(device) for name, tensor in whole.items()}, device)


def anil(
    peer: Peer,
    images: Tensor,
    labels: Tensor,
    num_classes: int,
    *,
    seed: int,
    device: torch.device | str = "cpu",
) -> Fitted:
    """Take a few large steps on the head and small ones on the last block stage and the last convolution.

    Arguments as for `finetune`; the seed decides the flips. Every step sees the whole support.
    """
    generator = torch.Generator().manual_seed(seed)
    architecture = peer.architecture
    last = {spec.name for spec in architecture.parameters if spec.stage >= architecture.num_stages}
    backbone = _trainable(peer, device, last)
    features = peer.features(images, device)
    mean, spread = features.mean(0).to(device), _spread(features)
    # The head reads features less their mean and of mean length 1; otherwise large steps would mostly move the bias.
    weight = (spread * _prototype_head(features, labels, num_classes)["classifier.weight"]).to(
        device
    )
    head = [weight.requires_grad_(), torch.zeros(num_classes, device=device).requires_grad_()]
    optimizer = torch.optim.SGD(
        [
            {"params": head, "lr": ANIL_HEAD_RATE},
            {"params": [backbone[name] for name in sorted(last)], "lr": ANIL_BODY_RATE},
        ]
    )
    for _ in range(ANIL_STEPS):
        flipped = _random_flips(images, generator)
        optimizer.zero_grad()
        for rows in torch.split(torch.arange(len(images)), _CHUNK):
            batch = peer.preprocessing.normalize(flipped[rows].to(device))
            points = (pooled_features(architecture, backbone, batch) - mean) / spread
            scores = functional.linear(points, *head)
            loss = functional.cross_entropy(scores, labels[rows].to(device), reduction="sum")
            torch.autograd.backward(loss / len(images))
        torch.nn.utils.clip_grad_norm_([backbone[name] for name in last], ANIL_CLIP)
        optimizer.step()
    weight, bias = head[0].detach() / spread, head[1].detach()
    folded = {"classifier.weight": weight, "classifier.bias": bias - weight @ mean}
    return _network(peer, backbone | folded, device)


def protokd(
    peer: Peer,
    images: Tensor,
    labels: Tensor,
    num_classes: int,
    *,
    seed: int,
    device: torch.device | str = "cpu",
) -> Fitted:
    """Train a copy of the backbone so that rotations agree with the classes and with each other; then take prototypes.

    Arguments as for `finetune`; the seed decides the batches and their two rotations. The prototypes are those of all four
    rotations of the support.
    """
    generator = torch.Generator().manual_seed(seed)
    trained = _trainable(peer, device)
    optimizer = torch.optim.Adam(trained.values(), lr=PROTOKD_RATE)
    for _ in range(PROTOKD_STEPS):
        batch = _balanced(labels, max(1, PROTOKD_BATCH // num_classes), generator)
        turns = torch.randperm(4, generator=generator)[:2].tolist()
        views = torch.cat([torch.rot90(images[batch], turn, (2, 3)) for turn in turns])
        prepared = peer.preprocessing.normalize(views.to(device))
        features = pooled_features(peer.architecture, trained, prepared).cpu()
        loss = _rotation_loss(features, labels[batch], num_classes)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    tuned = replace(peer, weights={name: tensor.detach() for name, tensor in trained.items()})
    rotations = [tuned.features(torch.rot90(images, turn, (2, 3)), device) for turn in range(4)]
    head = prototype(torch.cat(rotations), labels.repeat(4), num_classes)

    def predict(queries: Tensor) -> Tensor:
        return head.predict(tuned.features(queries, device))

    return Fitted(predict, tuned.size_bytes + head.size_bytes)


def _rotation_loss(features: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Loss of features (2n, F) of the same n pictures in two rotations, one after the other."""
    first, second = features.chunk(2)
    logs = [
        prototype(one, labels, num_classes).predict(other).log()
        for one, other in ((first, second), (second, first))
    ]
    labelled = torch.stack([functional.nll_loss(log, labels) for log in logs]).mean()
    soft = [(log / PROTOKD_TEMPERATURE).log_softmax(1) for log in logs]
    agreement = torch.stack(
        [
            functional.kl_div(one, other.detach(), reduction="batchmean", log_target=True)
            for one, other in (soft, soft[::-1])
        ]
    ).mean()
    return labelled + PROTOKD_DISTILLATION * agreement


def _balanced(labels: Tensor, per_class: int, generator: torch.Generator) -> Tensor:
    """Rows of at most `per_class` pictures of each class, drawn anew."""
    order = torch.randperm(len(labels), generator=generator)
    shuffled = labels[order]
    classes = sorted(set(labels.tolist()))
    return torch.cat([order[shuffled == label][:per_class] for label in classes])


def _trainable(
    peer: Peer, device: torch.device | str, names: set[str] | None = None
) -> dict[str, Tensor]:
    """A copy of the backbone's weights, of which those in `names` (all if `None`) ask for gradients."""
    return {
        spec.name: peer.weights[spec.name]
        .detach()
        .to(device)
        .float()
        .clone()
        .requires_grad_(names is None or spec.name in names)
        for spec in peer.architecture.parameters
    }


def _network(peer: Peer, weights: Weights, device: torch.device | str) -> Fitted:
    """The classifier that backbone and head make."""
    kept = {name: tensor.detach() for name, tensor in weights.items()}

    @torch.no_grad()
    def predict(queries: Tensor) -> Tensor:
        parts = [
            logits(peer.architecture, kept, peer.preprocessing.normalize(part.to(device))).double()
            for part in torch.split(queries, _CHUNK)
        ]
        return torch.cat(parts).softmax(1).cpu()

    return Fitted(predict, float_bytes(*kept.values()))


def _prototype_head(features: Tensor, labels: Tensor, num_classes: int) -> dict[str, Tensor]:
    """A linear layer that decides as a prototype head does: a better start of fine-tuning than zero or noise."""
    mean = features.mean(0)
    targets = one_hot(labels, num_classes).float()
    means = functional.normalize(targets.T @ (features - mean), dim=1)
    weight = PROTOTYPE_SCALE / _spread(features) * means
    return {"classifier.weight": weight, "classifier.bias": -weight @ mean}


def _spread(features: Tensor) -> float:
    """Mean distance of features (n, F) from their mean, above zero even if all pictures are the same one."""
    return max(1e-6, float((features - features.mean(0)).norm(dim=1).mean()))


def _random_flips(images: Tensor, generator: torch.Generator) -> Tensor:
    """Flip each picture left to right and top to bottom, each with probability one half."""
    coins = torch.rand(2, len(images), generator=generator) < 0.5
    for axis, coin in zip((3, 2), coins, strict=True):
        images = torch.where(coin[:, None, None, None], images.flip(axis), images)
    return images
