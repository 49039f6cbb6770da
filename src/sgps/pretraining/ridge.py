"""Ridge regression on given features: the plain head by which features are judged, and the teacher of the generator.

In: features of a support and of queries. Out: scores.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_RIDGE = 0.3
"""Weight of the squared norm; rows have length one."""


def ridge_scores(features: Tensor, labels: Tensor, queries: Tensor, num_classes: int) -> Tensor:
    """Scores (Q, N) of queries (Q, F), given support features (n, F) and labels (n,), centered and of length one."""
    center = features.mean(0)
    support = functional.normalize(features - center, dim=1)
    target = functional.one_hot(labels, num_classes).float() - 1 / num_classes
    system = support @ support.T + _RIDGE * torch.eye(len(support)).to(support)
    weight = support.T @ torch.linalg.solve(system, target)
    scores: Tensor = functional.normalize(queries - center, dim=1) @ weight
    return scores
