"""Move a network part of the way towards several others that were trained from it.

In: weights, and other weights with a step for each. Out: weights.

Source: adding up weight differences of networks that share a start, Ilharco et al., arXiv 2212.04089.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from sgps.target.network import Weights


def moved(start: Weights, networks: Sequence[tuple[float, Weights]]) -> dict[str, Tensor]:
    """Add to the start, for each network, its difference from the start times its step."""
    return {
        name: tensor + sum(step * (own[name] - tensor) for step, own in networks)
        for name, tensor in start.items()
    }
