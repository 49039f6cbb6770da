"""Tell the views of one picture from other pictures of its family: what keeps apart pictures that share a label.

In: features of several views of a batch. Out: a loss. Cross-entropy alone draws the pictures of a class together, and with them
diseases that a class of the train sets has never told apart.

Sources: SimCLR, Chen et al., arXiv 2002.05709; that telling single pictures apart keeps what coarse labels throw away, Bukchin et
al., arXiv 2012.03515. Negatives of the own family only are ours: other families are told apart by their color.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

_HIDDEN = 512
_WIDTH = 128
_TEMPERATURE = 0.2


def first_embedding(features: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Two random layers that embed features (B, F) for the contrast only; they are thrown away with the heads."""
    return {
        "embedding.0": torch.randn(_HIDDEN, features, generator=generator) * (2 / features) ** 0.5,
        "embedding.1": torch.randn(_WIDTH, _HIDDEN, generator=generator) * (1 / _HIDDEN) ** 0.5,
    }


def embedded(tensors: Mapping[str, Tensor], features: Tensor) -> Tensor:
    """Unit vectors (B, 128) of features (B, F)."""
    hidden = functional.silu(functional.linear(features, tensors["embedding.0"]))
    return functional.normalize(functional.linear(hidden, tensors["embedding.1"]), dim=1)


def contrast(embeddings: Tensor, pictures: Tensor, families: Tensor) -> Tensor:
    """Mean over rows of -log of the share that the other views of a row's picture have among all rows of its family.

    Args:
        embeddings: unit vectors (R, D).
        pictures: int64 (R,), which picture a row is a view of; each has two rows at least.
        families: int64 (R,), the family of that picture.
    """
    is_self = torch.eye(len(embeddings), dtype=torch.bool, device=embeddings.device)
    is_near = (families[:, None] == families) & ~is_self
    is_same = (pictures[:, None] == pictures) & ~is_self
    similarity = (embeddings @ embeddings.T / _TEMPERATURE).masked_fill(~is_near, float("-inf"))
    log_share = similarity.log_softmax(1).masked_fill(~is_same, 0.0)
    return -(log_share.sum(1) / is_same.sum(1)).mean()
