"""Semi-supervised comparison: pictures without labels, and a classifier that learns from them.

`draw_pool` chooses pictures that a hospital would have without labels. `self_training` reads their features beside those of
the support. It is no peer of methods that see the support alone, and its results must be marked (`methods.SEMI_SUPERVISED`).

Source of the idea: Rajan et al., "Self-training with improved regularization for sample-efficient chest x-ray
classification", arXiv 2005.02231: a student learns from its teacher's tempered confidence. Their augmentation and their deep
network are left out.

Shapes: P pictures of a set, n support pictures, m unlabelled pictures, F features, N classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from sklearn.linear_model import Ridge
from torch import Tensor

from sgps.evaluation.episodes import Episode
from sgps.evaluation.heads import (
    RIDGE_PENALTY,
    RIDGE_SCALE,
    Fitted,
    center,
    centered,
    linear,
    one_hot,
)

SELF_TRAINING_POOL: Final = 200
"""Most unlabelled pictures of an episode; fewer where the set has no more."""
SELF_TRAINING_ROUNDS: Final = 3
"""How often a student becomes the teacher."""
SELF_TRAINING_TEMPERATURE: Final = 2.0
"""Divides the teacher's scores, which `RIDGE_SCALE` has calibrated. On the six train sets of `heads.py` at 1 shot, 2 gains 1.5
points over ridge, 1 gains none, and sharper guesses lose."""


def draw_pool(
    labels: Sequence[str], groups: Sequence[str], episode: Episode, sequence: np.random.SeedSequence
) -> tuple[int, ...]:
    """Draw the pictures that an episode may learn from without labels, as indices below P.

    They are of the episode's classes, in the proportions of the set, and of no group that the episode has a picture of:
    neither support nor query nor outside. There may be none.
    """
    taken = {groups[row] for row in (*episode.support, *episode.query, *episode.outside)}
    classes = set(episode.classes)
    free = [
        row
        for row, (label, group) in enumerate(zip(labels, groups, strict=True))
        if label in classes and group not in taken
    ]
    drawn = np.random.default_rng(sequence).permutation(len(free))[:SELF_TRAINING_POOL]
    return tuple(free[position] for position in sorted(drawn))


def self_training(support: Tensor, labels: Tensor, num_classes: int, pool: Tensor) -> Fitted:
    """Ridge regression onto the support's labels and the pool's tempered ones, several times over.

    Each round the last round's probabilities are the targets of the unlabelled pictures (m, F), and a picture weighs what is
    certain about it: 1 less its entropy as a share of the largest. The first teacher, and with no pool the last one, is
    `heads.ridge`.
    """
    mean = center(support)
    points = centered(torch.cat([support, pool]), mean)
    targets = one_hot(labels, num_classes)
    guesses = targets.new_zeros(len(pool), num_classes)
    certainty = targets.new_zeros(len(pool))
    for _ in range(1 + SELF_TRAINING_ROUNDS):
        model = Ridge(alpha=RIDGE_PENALTY).fit(
            points.numpy(),
            torch.cat([targets, guesses]).numpy(),
            sample_weight=torch.cat([torch.ones(len(support)).double(), certainty]).numpy(),
        )
        scores = torch.from_numpy(model.predict(points.numpy()))[len(support) :]
        guesses = (RIDGE_SCALE / SELF_TRAINING_TEMPERATURE * scores).softmax(1)
        entropy = torch.special.entr(guesses).sum(1)
        certainty = (1 - entropy / np.log(num_classes)).clamp(min=0)
    weight, bias = torch.from_numpy(model.coef_), torch.from_numpy(model.intercept_)
    return linear(mean, RIDGE_SCALE * weight, RIDGE_SCALE * bias)
