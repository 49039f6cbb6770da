"""Classifiers that read class descriptions beside the features of the support, with no training.

In: as in `heads.py`, and text features (N, F): for each class, its descriptions as a point among the features of pictures.
With `None` in their place, a head reads the pictures alone. Out: `Fitted`.

    tip_adapter     a cache of the support, after Zhang et al., "Tip-Adapter", arXiv 2111.03930
    ss_text         text prototypes moved by the support, after Silva-Rodriguez et al., "SS-Text"

Both were made for CLIP, whose text and picture features share one space and one learned scale of 100. Here descriptions
are read on the scale that prototypes are read on, and like pictures they are centered, on their own mean: what all classes'
descriptions share tells nothing.

Shapes: n support pictures, Q queries, F features, N classes.
"""

from __future__ import annotations

from typing import Final

from torch import Tensor
from torch.nn import functional

from sgps.evaluation.heads import (
    PROTOTYPE_SCALE,
    Fitted,
    center,
    centered,
    float_bytes,
    linear,
    one_hot,
)

TIP_ALPHA: Final = 1.0
"""Weight of the cache beside the text; the paper's value before a search on validation data, of which there is none."""
TIP_BETA: Final = 1.0
"""How fast a cached picture's say falls with its distance; as above."""


def tip_adapter(
    support: Tensor, labels: Tensor, num_classes: int, text: Tensor | None = None
) -> Fitted:
    """Softmax of text scores plus the say of every cached picture, which falls as exp(-beta (1 - cosine))."""
    mean = center(support)
    keys = centered(support, mean)
    values = one_hot(labels, num_classes)
    prototypes = None if text is None else PROTOTYPE_SCALE * _text_prototypes(text)

    def predict(features: Tensor) -> Tensor:
        points = centered(features, mean)
        scores = TIP_ALPHA * (-TIP_BETA * (1 - points @ keys.T)).exp() @ values
        if prototypes is not None:
            scores = scores + points @ prototypes.T
        return scores.softmax(1)

    return Fitted(predict, float_bytes(mean, keys, labels, *_given(prototypes)))


def ss_text(
    support: Tensor, labels: Tensor, num_classes: int, text: Tensor | None = None
) -> Fitted:
    """Prototypes w_c = t_c + 1 / (n l) sum of f_i / tau over the class's pictures, with l = 1 / n, read by cosine.

    The closed form minimizes a linear loss on the pictures plus l / 2 |w_c - t_c|^2, so that text decides less the more
    pictures there are. Both t and f have length 1, and 1 / tau is the scale of cosines. Without text it is `prototype`.
    """
    mean = center(support)
    sums = one_hot(labels, num_classes).T @ centered(support, mean)
    weight = PROTOTYPE_SCALE * sums
    if text is not None:
        weight = weight + _text_prototypes(text)
    return linear(mean, PROTOTYPE_SCALE * functional.normalize(weight, dim=1))


def _text_prototypes(text: Tensor) -> Tensor:
    return centered(text, center(text))


def _given(tensor: Tensor | None) -> tuple[Tensor, ...]:
    return () if tensor is None else (tensor,)
