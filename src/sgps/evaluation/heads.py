"""Classifiers on given features of the support, wherever these come from: a peer backbone, the engine's base or all of it.

In: features (n, F) and labels (n,) of the support, every class with a picture. Out: `Fitted`, which gives probabilities
(Q, N), float64. All begin with the same centering (`center`, `centered`); it never sees a query.

    prototype       cosine to each class's mean (Snell et al., arXiv 1703.05175; centered after Wang et al., arXiv 1911.04623)
    select_protonet prototypes of weighted pictures in gated features, after an idea of Yang et al., arXiv 2009.00792
    ridge           ridge regression onto one-hot targets (Bertinetto et al., arXiv 1805.08136)
    logistic        scikit-learn's multinomial logistic regression
    svm             scikit-learn's linear support vector machine, one class against the rest
    knn             scikit-learn's nearest neighbors by cosine

The constants are the same for every set, way and shot, because somebody with five pictures has no validation set. Those of
prototype, ridge and logistic were chosen once to make the peers strong: the best accuracy, then the best likelihood, averaged
over nine train sets, 1 and 5 shots, and two ImageNet backbones (V2-B0 and Lite0) at 128 px. Those of the others are the
papers' or scikit-learn's; shrinkage and the scales of probabilities were chosen in the same way over six train sets
(bccd_wbc4, cervix_herlev7, chest_ct_cancer4, isic2017, leukemia_all4, mhsma_sperm_head) on V2-B0.

Shapes: n support pictures, Q queries, F features, N classes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC
from torch import Tensor
from torch.nn import functional

PROTOTYPE_SCALE: Final = 2.5
"""Multiplies cosines before softmax; does not change the decision. 10, usual elsewhere, is overconfident here."""
RIDGE_PENALTY: Final = 0.5
"""Accuracy is flat between 0.2 and 0.7."""
RIDGE_SCALE: Final = 3.5
"""Multiplies ridge scores, which aim at 0 and 1, before softmax; does not change the decision."""
LOGISTIC_C: Final = 10.0
"""Inverse penalty; accuracy is within 0.1 points between 10 and 300, and likelihood is best at 10 or below."""
LOGISTIC_ITERATIONS: Final = 1000
SVM_C: Final = 1.0
"""Scikit-learn's default; accuracy is within 0.4 points between 1 and 10."""
SVM_SCALE: Final = RIDGE_SCALE / 2
"""Multiplies decision values, which aim at -1 and 1, twice as far apart as ridge's, before softmax."""
SVM_ITERATIONS: Final = 10_000
KNN_NEIGHBORS: Final = 5
"""Scikit-learn's default; fewer where a class has fewer pictures, or rare classes could never win."""

_FLOAT_BYTES = 4


@dataclass(frozen=True, eq=False)
class Fitted:
    """A classifier made from a support set."""

    predict: Callable[[Tensor], Tensor]
    """From features (Q, F), or uint8 pictures where it was fitted on such, to probabilities (Q, N)."""
    size_bytes: int
    """Float32 bytes of the numbers that `predict` reads, a frozen backbone's not among them."""


def center(support: Tensor) -> Tensor:
    """Mean (F,) of the support's features, each scaled to length 1."""
    return functional.normalize(support.double(), dim=1).mean(0)


def centered(features: Tensor, mean: Tensor) -> Tensor:
    """Scale features to length 1, subtract the support's mean, scale to length 1 again."""
    return functional.normalize(functional.normalize(features.double(), dim=1) - mean, dim=1)


def one_hot(labels: Tensor, num_classes: int) -> Tensor:
    """Targets (n, N); every class must have a picture, which episodes guarantee."""
    targets = functional.one_hot(labels, num_classes).double()
    if not bool((targets.sum(0) > 0).all()):
        raise ValueError("a class has no support picture")
    return targets


def float_bytes(*tensors: Tensor) -> int:
    """Bytes of tensors kept as float32."""
    return _FLOAT_BYTES * sum(tensor.numel() for tensor in tensors)


def linear(mean: Tensor, weight: Tensor, bias: Tensor | None = None) -> Fitted:
    """Softmax of a linear layer, weight (N, F) and bias (N,), on centered features."""
    offset = torch.zeros(len(weight), dtype=weight.dtype) if bias is None else bias

    def predict(features: Tensor) -> Tensor:
        return (centered(features, mean) @ weight.T + offset).softmax(1)

    return Fitted(predict, float_bytes(mean, weight, offset))


def prototype(support: Tensor, labels: Tensor, num_classes: int) -> Fitted:
    """Softmax of the scaled cosine between a query and each class's mean."""
    mean = center(support)
    sums = one_hot(labels, num_classes).T @ centered(support, mean)
    return linear(mean, PROTOTYPE_SCALE * functional.normalize(sums, dim=1))


def select_protonet(support: Tensor, labels: Tensor, num_classes: int) -> Fitted:
    """Prototypes of weighted pictures in gated features, in closed form.

    Select-ProtoNet meta-trains a feature selection and a sample weighting on gene expression. Nothing is trained here: a
    feature's gate is the share of its variance that lies between classes, after taking off what chance puts there, and a
    picture's weight is the probability of its own class under the prototypes of the other pictures. With one picture a
    class neither can be told, and this is `prototype`.
    """
    mean = center(support)
    targets = one_hot(labels, num_classes)
    gate = _gate(centered(support, mean), targets)
    points = functional.normalize(centered(support, mean) * gate, dim=1)
    weights = targets * _own_class_probability(points, targets)[:, None]
    prototypes = functional.normalize(weights.T @ points, dim=1)

    def predict(features: Tensor) -> Tensor:
        gated = functional.normalize(centered(features, mean) * gate, dim=1)
        return (PROTOTYPE_SCALE * gated @ prototypes.T).softmax(1)

    return Fitted(predict, float_bytes(mean, gate, prototypes))


def _gate(points: Tensor, targets: Tensor) -> Tensor:
    """Share (F,) of each feature's variance that classes explain; ones where nothing can be told."""
    counts = targets.sum(0)
    spare = len(points) - len(counts)
    means = targets.T @ points / counts[:, None]
    if spare == 0:
        return torch.ones_like(points[0])
    within = ((points - targets @ means) ** 2).sum(0) / spare
    by_chance = within * (1 / counts).mean()
    between = (means.var(0) - by_chance).clamp(min=0)
    total = between + within
    gate = torch.where(total > 0, between / total.clamp(min=1e-12), torch.zeros_like(total))
    return gate if bool(gate.any()) else torch.ones_like(gate)


def _own_class_probability(points: Tensor, targets: Tensor) -> Tensor:
    """For each picture (n,) the probability of its class under prototypes that leave it out; 1 for an only picture."""
    sums = targets.T @ points
    own = (targets @ sums - points) * (targets @ targets.sum(0) > 1)[:, None]
    cosines = points @ functional.normalize(sums, dim=1).T
    left_out = (points * functional.normalize(own, dim=1)).sum(1)
    cosines = torch.where(targets.bool(), left_out[:, None], cosines)
    probability = ((PROTOTYPE_SCALE * cosines).softmax(1) * targets).sum(1)
    return torch.where(own.any(1), probability, torch.ones_like(probability))


def ridge(support: Tensor, labels: Tensor, num_classes: int) -> Fitted:
    """Ridge regression onto one-hot targets with a free intercept, in closed form with an n x n system."""
    mean = center(support)
    points = centered(support, mean)
    middle = points.mean(0)
    points = points - middle
    targets = one_hot(labels, num_classes)
    offset = targets.mean(0)
    penalty = RIDGE_PENALTY * torch.eye(len(points), dtype=points.dtype)
    dual = torch.linalg.solve(points @ points.T + penalty, targets - offset)
    weight = dual.T @ points
    return linear(mean, RIDGE_SCALE * weight, RIDGE_SCALE * (offset - weight @ middle))


def logistic(support: Tensor, labels: Tensor, num_classes: int) -> Fitted:
    """Scikit-learn's multinomial logistic regression."""
    mean = center(support)
    one_hot(labels, num_classes)
    model = LogisticRegression(C=LOGISTIC_C, max_iter=LOGISTIC_ITERATIONS)
    fit_quietly(model, centered(support, mean), labels)

    def predict(features: Tensor) -> Tensor:
        return torch.from_numpy(model.predict_proba(centered(features, mean).numpy()))

    return Fitted(predict, _linear_bytes(mean, num_classes))


def svm(support: Tensor, labels: Tensor, num_classes: int) -> Fitted:
    """Scikit-learn's linear support vector machine, one class against the rest; softmax of scaled decision values."""
    mean = center(support)
    one_hot(labels, num_classes)
    # The solver visits pictures in a drawn order, which decides the last digits only.
    model = LinearSVC(C=SVM_C, max_iter=SVM_ITERATIONS, tol=1e-6, random_state=0)
    fit_quietly(model, centered(support, mean), labels)

    def predict(features: Tensor) -> Tensor:
        values = torch.from_numpy(model.decision_function(centered(features, mean).numpy()))
        values = values if values.ndim == 2 else torch.stack([-values, values], dim=1)
        return (SVM_SCALE * values).softmax(1)

    return Fitted(predict, _linear_bytes(mean, num_classes))


def knn(support: Tensor, labels: Tensor, num_classes: int) -> Fitted:
    """Scikit-learn's nearest neighbors by cosine, each weighing the inverse of its distance.

    k is `KNN_NEIGHBORS`, or the pictures of the smallest class if those are fewer. One more neighbor of the mean weight
    votes for all classes alike, so that no class is impossible; the decision is scikit-learn's.
    """
    mean = center(support)
    points = centered(support, mean)
    neighbors = min(KNN_NEIGHBORS, int(one_hot(labels, num_classes).sum(0).min()))
    model = KNeighborsClassifier(neighbors, weights="distance", metric="cosine")
    fit_quietly(model, points, labels)

    def predict(features: Tensor) -> Tensor:
        votes = torch.from_numpy(model.predict_proba(centered(features, mean).numpy()))
        return (neighbors * votes + 1 / num_classes) / (neighbors + 1)

    return Fitted(predict, float_bytes(mean, points, labels))


def fit_quietly(model: Any, points: Tensor, labels: Tensor) -> None:  # noqa: ANN401 - scikit-learn has no types
    """Fit a model of scikit-learn without the warnings that every small support would give."""
    with warnings.catch_warnings():
        # So many iterations always suffice to rank the classes; the last digits are not worth a warning per episode.
        warnings.simplefilter("ignore", ConvergenceWarning)
        # A class of one picture has no variance, which is what discriminant analysis is meant to take it for.
        warnings.filterwarnings("ignore", "Only one sample available", UserWarning)
        model.fit(points.numpy(), labels.numpy())


def _linear_bytes(mean: Tensor, num_classes: int) -> int:
    return _FLOAT_BYTES * (len(mean) + num_classes * (len(mean) + 1))
