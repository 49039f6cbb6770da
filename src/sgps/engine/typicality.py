"""What an engine expects of pictures like a support's: how strange they are, given how strange the support's are to each other.

In: features of the support pictures under the synthesized backbone. Out: the classifier's `Typicality`.

Each support picture is compared with the class means of all others (left out), and pictures to come are expected to be as strange
as a line through that says. Line and percentiles around it are fitted to tasks in pretraining, on pictures that no network has
learned from. So a support whose pictures differ much lets much pass, and nothing is asked of the user.

Shapes: n support pictures, Q queries, N classes, F features, P percentiles.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from sgps.errors import InputError
from sgps.target.typicality import PERCENTILES, Typicality, distances, relative, strangeness


class TypicalityReader(nn.Module):
    """Two numbers of a line and the percentiles around it."""

    line: Tensor
    percentiles: Tensor

    def __init__(self) -> None:
        super().__init__()
        # Not among the engine's weights, on which no answer of a classifier depends: see `storage.py`.
        self.register_buffer("line", torch.full((2,), torch.nan), persistent=False)
        self.register_buffer("percentiles", torch.full((PERCENTILES,), torch.nan), persistent=False)

    @property
    def is_fitted(self) -> bool:
        """Whether the numbers are known; an engine may come without them."""
        return bool(self.line.isfinite().all())

    def forward(
        self, features: Tensor, labels: Tensor, num_classes: int, middle: Tensor
    ) -> Typicality | None:
        """What tells pictures like the support's from others; None where a class has no picture to be like, or nothing is fitted.

        Args:
            features: (n, F), one row a support picture.
            labels: (n,) in [0, N).
            num_classes: N, at least 2.
            middle: (F,), mean feature of pictures of every kind.
        """
        if not self.is_fitted or len(torch.unique(labels)) < num_classes:
            return None
        means, _ = _class_means(features, labels)
        expected = self.line[0] + self.line[1] * self.left_out(features, labels, middle)
        return Typicality(class_means=means, middle=middle, percentiles=expected + self.percentiles)

    def to_json(self) -> str:
        """Text of an engine's `typicality.json`."""
        content = {name: _rounded(getattr(self, name)) for name in ("line", "percentiles")}
        return json.dumps(content) + "\n"

    @torch.no_grad()
    def read_json(self, path: Path) -> None:
        """Take the numbers from an engine's `typicality.json`.

        Raises:
            InputError: the file cannot be read, or does not hold a line and rising percentiles.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            line, percentiles = (
                torch.tensor(content[name], dtype=torch.float32) for name in ("line", "percentiles")
            )
        except (OSError, ValueError, TypeError, KeyError):
            raise InputError(f"'{path}' is damaged. Copy the engine again.") from None
        sound = (
            line.shape == (2,)
            and percentiles.shape == (PERCENTILES,)
            and bool(torch.cat([line, percentiles]).isfinite().all())
            and bool((percentiles.diff() >= 0).all())
        )
        if not sound:
            raise InputError(
                f"'{path}' is damaged: it holds no line and rising percentiles. Copy the engine again."
            )
        self.line.copy_(line)
        self.percentiles.copy_(percentiles)

    @staticmethod
    def left_out(features: Tensor, labels: Tensor, middle: Tensor) -> Tensor:
        """Mean strangeness () of the support pictures (n, F), each to the class means of the others; n is at least 2."""
        means, place = _class_means(features, labels)
        counts = torch.bincount(place)[place].to(features)
        apart = distances(features, means)
        # Without a picture its class mean lies further from it by this factor; a class of one picture is none without it.
        own = apart.gather(1, place[:, None])[:, 0] * counts / (counts - 1)
        own = torch.where(counts > 1, own, torch.inf)
        nearest = apart.scatter(1, place[:, None], own[:, None]).amin(1)
        return relative(nearest, (features - middle).norm(dim=1)).mean()

    @staticmethod
    def of_queries(features: Tensor, labels: Tensor, middle: Tensor, queries: Tensor) -> Tensor:
        """Strangeness (Q,) of queries (Q, F) to the class means of the support pictures (n, F)."""
        return strangeness(queries, _class_means(features, labels)[0], middle)

    @torch.no_grad()
    def fit(self, tasks: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Fit line and percentiles in place to tasks, each the left-out strangeness () of a support and that of queries (Q,)."""
        support = torch.stack([own for own, _ in tasks])
        queries = torch.stack([own.mean() for _, own in tasks])
        terms = torch.stack([torch.ones_like(support), support], 1)
        self.line.copy_(torch.linalg.lstsq(terms, queries[:, None]).solution[:, 0])
        rest = torch.cat(
            [own - (term @ self.line) for term, (_, own) in zip(terms, tasks, strict=True)]
        )
        steps = torch.linspace(0, 1, PERCENTILES, device=rest.device)
        self.percentiles.copy_(torch.quantile(rest, steps))


def _rounded(numbers: Tensor) -> list[float]:
    return [round(number, 5) for number in numbers.tolist()]


def _class_means(features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean feature (M, F) of each class that has pictures, and the place (n,) of each picture's class among them."""
    seen, place = torch.unique(labels, return_inverse=True)
    member = functional.one_hot(place, len(seen)).to(features)
    return (member / member.sum(0)).T @ features, place
