"""Balanced accuracy as ISIC 2018 scores its task 3 (Codella et al., 2019), for numbers that stand beside the challenge's.

It differs from ours in three ways: a tie of the largest probabilities is an undecided answer, and wrong, where ours gives
it a fair share; classes without a picture of any weight are skipped; one picture has no weight.

Shapes: Q pictures, N classes.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from typing import Final

import numpy as np

from sgps.evaluation.metrics import Floats, Labels

WEIGHTLESS: Final = frozenset({"ISIC_0035068"})
"""Pictures of the test set that the challenge does not count."""

_EXTENSIONS = (".jpg", ".jpeg", ".png")


def isic_balanced_accuracy(probabilities: Floats, labels: Labels, names: Sequence[str]) -> float:
    """Mean recall over the classes that have a picture of some weight, in percent; `nan` if none has.

    Args:
        probabilities: (Q, N).
        labels: (Q,), below N.
        names: Q identifiers or paths of pictures, with or without an extension.
    """
    largest = probabilities == probabilities.max(axis=1, keepdims=True)
    decided = largest.sum(axis=1) == 1
    right = decided & (probabilities.argmax(axis=1) == labels)
    weights = np.array([picture_id(name) not in WEIGHTLESS for name in names], dtype=np.float64)
    recalls = [
        np.average(right[labels == label], weights=weights[labels == label])
        for label in np.unique(labels)
        if weights[labels == label].any()
    ]
    return 100.0 * float(np.mean(recalls)) if recalls else float("nan")


def picture_id(name: str) -> str:
    """The identifier in a picture's name: no folder, and no extension of a picture."""
    own = posixpath.basename(name.replace("\\", "/"))
    stem, extension = posixpath.splitext(own)
    return stem if extension.lower() in _EXTENSIONS else own
