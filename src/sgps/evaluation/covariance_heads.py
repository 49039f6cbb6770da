"""Classifiers on given features that measure how pictures of one class differ, from very few of them.

In and out as in `heads.py`, whose remark on constants holds here too.

    lda             scikit-learn's linear discriminant analysis with a shrunken covariance
    mahalanobis     distance in each class's own metric (Simple CNAPS; Bateni et al., arXiv 1912.03432)

Both work in the few dimensions that the support spans, so that no matrix is ever F x F. Outside of these dimensions all
classes have the same mean and the same metric, a multiple of the identity, and nothing there tells them apart.

Shapes: n support pictures, Q queries, F features, N classes, r <= n - 1 dimensions that the support spans.
"""

from __future__ import annotations

from typing import Final

import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from torch import Tensor

from sgps.evaluation.heads import (
    Fitted,
    center,
    centered,
    fit_quietly,
    float_bytes,
    linear,
    one_hot,
)

LDA_SHRINKAGE: Final = 0.2
"""Way from the measured covariance to a multiple of the identity; accuracy is within 0.3 points between 0.05 and 0.3."""
LDA_SCALE: Final = 0.1
"""Multiplies decision values before softmax; does not change the decision. See `lda`."""
MAHALANOBIS_SCALE: Final = 0.05
"""Multiplies squared distances before softmax; does not change the decision. See `mahalanobis`."""

_RANK_TOLERANCE = 1e-9
"""Directions whose share of the largest variance is below it are rounding."""


def lda(support: Tensor, labels: Tensor, num_classes: int) -> Fitted:
    """Scikit-learn's linear discriminant analysis, its covariance shrunk by a fixed share towards a multiple of the identity.

    The identity's multiple is the mean variance of the r dimensions. Where no class varies, above all with one picture a
    class, there is no covariance to shrink; then it is the limit of full shrinkage, a multiple of the identity, as large as
    the mean variance of the whole support.

    A covariance measured on so few pictures is too small, and the model's own probabilities are all but certain. They are
    softened by one constant, `LDA_SCALE`.
    """
    mean = center(support)
    points = centered(support, mean)
    targets = one_hot(labels, num_classes)
    basis = _span(points)
    inside = points @ basis
    means = targets.T @ inside / targets.sum(0)[:, None]
    if float(((inside - targets @ means) ** 2).sum()) > _RANK_TOLERANCE:
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=LDA_SHRINKAGE)
        fit_quietly(model, inside, labels)
        weight, bias = torch.from_numpy(model.coef_), torch.from_numpy(model.intercept_)
        if num_classes == 2:  # scikit-learn gives the second class's lead over the first
            weight, bias = (torch.cat([torch.zeros_like(part), part]) for part in (weight, bias))
    else:
        # Above zero even if all pictures are the same one.
        spread = ((inside - inside.mean(0)) ** 2).sum().clamp(min=_RANK_TOLERANCE)
        variance = spread / (len(points) - 1) / max(1, basis.shape[1])
        weight = means / variance
        bias = (targets.mean(0)).log() - (means**2).sum(1) / (2 * variance)
    return linear(mean, LDA_SCALE * weight @ basis.T, LDA_SCALE * bias)


def mahalanobis(support: Tensor, labels: Tensor, num_classes: int) -> Fitted:
    """Softmax of minus the squared distance to each class's mean, in the class's own metric, as in Simple CNAPS.

    The metric is (a S_c + (1 - a) S + I)^-1 with the covariances S_c of the class and S of the whole support, both divided
    by the number less one, and a = n_c / (n_c + 1); S_c is 0 for a class of one picture. Features are scaled so that their
    components have a mean square of 1, as those of the paper's network have by themselves: I would mean nothing otherwise.
    """
    mean = center(support)
    length = support.shape[1] ** 0.5
    points = length * centered(support, mean)
    targets = one_hot(labels, num_classes)
    basis = _span(points)
    inside = points @ basis
    means = targets.T @ inside / targets.sum(0)[:, None]
    task = _covariance(inside)
    metrics = []
    for label, count in enumerate(targets.sum(0).tolist()):
        own = count / (count + 1)
        mixed = own * _covariance(inside[labels == label]) + (1 - own) * task
        metrics.append(torch.linalg.inv(mixed + torch.eye(len(task), dtype=task.dtype)))
    metric = torch.stack(metrics)

    def predict(features: Tensor) -> Tensor:
        away = (length * centered(features, mean) @ basis)[:, None] - means
        squared = torch.einsum("qnr,nrs,qns->qn", away, metric, away)
        probabilities: Tensor = (-MAHALANOBIS_SCALE * squared).softmax(1)
        return probabilities

    return Fitted(predict, float_bytes(mean, basis, means, metric))


def _span(points: Tensor) -> Tensor:
    """Orthonormal directions (F, r) in which the points (n, F) differ, by way of an n x n matrix."""
    apart = points - points.mean(0)
    values, vectors = torch.linalg.eigh(apart @ apart.T)
    kept = values > _RANK_TOLERANCE * values[-1]
    basis: Tensor = apart.T @ (vectors[:, kept] / values[kept].sqrt())
    return basis


def _covariance(points: Tensor) -> Tensor:
    """Covariance of the rows, divided by their number less one; 0 of a single row."""
    apart = points - points.mean(0)
    return apart.T @ apart / max(1, len(points) - 1)
