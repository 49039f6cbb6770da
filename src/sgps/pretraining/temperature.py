"""Fit the head's temperature to what it is given of many tasks: one number for each term that tells how sure to be.

In: scores before the temperature, terms and labels of the queries of tasks. Out: the temperature, changed in place.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from sgps.engine.head import PLAIN_TEMPERATURE

_PENALTY = 0.0005
"""Weight of the squared distance of the temperature from its start."""


def fit_temperature(
    temperature: torch.nn.Parameter, tasks: Sequence[tuple[Tensor, Tensor, Tensor]]
) -> None:
    """Fit its numbers in place; each task gives raw scores (Q, N), terms, one for each number, and labels (Q,)."""
    start = torch.tensor(PLAIN_TEMPERATURE, device=temperature.device)
    values = start.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([values], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        parts = [
            functional.cross_entropy(scores * (values * terms).sum().exp(), labels)
            for scores, terms, labels in tasks
        ]
        total = torch.stack(parts).mean() + _PENALTY * (values - start).square().sum()
        torch.autograd.backward(total)
        return total

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        temperature.copy_(values)
