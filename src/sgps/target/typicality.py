"""Typicality: does a picture look like those that a classifier was synthesized from, or like something else altogether?

In: features of pictures under the classifier's own backbone. Out: for each the share of pictures like the support's that are at
least as strange as it; near 0 means that its prediction says nothing. Softmax cannot tell this: it divides any picture among the
classes.

How strange a picture is: the log of its distance from the nearest class mean, minus half the log of its distance from the middle
of pictures of every kind. Some pictures are far from everything, so the second part takes away what is not the task's own, as in
Ren et al., "A Simple Fix to Mahalanobis Distance" (arXiv 2106.09022); half of it was chosen on dev. How strange pictures like the
support's are, is what the engine expects of such a support (`engine/typicality.py`).

Shapes: B pictures, F features, M classes with pictures, P percentiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from sgps.errors import InputError, listing
from sgps.target.folder import read_tensors

TYPICALITY_FILE = "typicality.safetensors"
PERCENTILES = 101
"""0 to 100."""
ATYPICAL = 0.05
"""Below this share a reader is told that the picture is unlike the support's. So are at most 1 in 20 pictures that are like them;
on dev, where this was chosen, fewer (`docs/results.md`)."""
_LEAST = 1e-6


def relative(to_class: Tensor, to_middle: Tensor) -> Tensor:
    """How strange pictures are (B,), from their distances (B,) to the nearest class mean and to the middle of everything."""
    return to_class.clamp(min=_LEAST).log() - to_middle.clamp(min=_LEAST).log() / 2


def distances(points: Tensor, others: Tensor) -> Tensor:
    """Euclidean distances (B, M) of points (B, F) from others (M, F); exact also where they are small."""
    return torch.cdist(points, others, compute_mode="donot_use_mm_for_euclid_dist")


def strangeness(features: Tensor, class_means: Tensor, middle: Tensor) -> Tensor:
    """How strange pictures (B, F) are, (B,), to classes with these means (M, F); `middle` (F,) is that of everything."""
    nearest = distances(features, class_means).amin(1)
    return relative(nearest, (features - middle).norm(dim=1))


@dataclass(frozen=True, kw_only=True, eq=False)
class Typicality:
    """What tells pictures like the support's from others."""

    class_means: Tensor
    """Mean feature of each class that has pictures, (M, F)."""
    middle: Tensor
    """Mean feature of pictures of every kind, (F,)."""
    percentiles: Tensor
    """Strangeness that 0, 1, ... 100 % of pictures like the support's stay below, (P,), rising."""

    def strangeness(self, features: Tensor) -> Tensor:
        """How strange pictures (B, F) are, (B,)."""
        return strangeness(features, self.class_means, self.middle)

    def of(self, features: Tensor) -> Tensor:
        """Share (B,) of pictures like the support's that are at least as strange as each of these (B, F): 1 to 0."""
        strange = self.strangeness(features)
        above = torch.searchsorted(self.percentiles, strange).clamp(1, len(self.percentiles) - 1)
        low, high = self.percentiles[above - 1], self.percentiles[above]
        within = ((strange - low) / (high - low).clamp(min=_LEAST)).clamp(0, 1)
        return 1 - (above - 1 + within) / (len(self.percentiles) - 1)

    def cpu(self) -> Typicality:
        """The same in float32 on the CPU."""
        return Typicality(**{name: getattr(self, name).float().cpu() for name in _NAMES})

    def save(self, folder: Path) -> None:
        """Write `typicality.safetensors`."""
        content = {name: getattr(self, name).contiguous() for name in _NAMES}
        (folder / TYPICALITY_FILE).write_bytes(safetensors.torch.save(content))

    @classmethod
    def load(cls, folder: Path, num_features: int) -> Typicality | None:
        """Read what `save` wrote; None where a folder has no such file.

        Raises:
            InputError: the file cannot be read, or is damaged.
        """
        path = folder / TYPICALITY_FILE
        if not path.exists():
            return None
        content = read_tensors(path)
        if wrong := sorted(set(content) ^ set(_NAMES)):
            raise InputError(f"'{path}' is damaged: {listing(wrong)} missing or unknown.")
        means, middle, percentiles = (content[name] for name in _NAMES)
        shapes = (means.shape[1:], middle.shape, percentiles.shape)
        sound = (
            shapes == ((num_features,), (num_features,), (PERCENTILES,))
            and len(means) > 0
            and all(t.dtype == torch.float32 and bool(t.isfinite().all()) for t in content.values())
            and bool((percentiles.diff() >= 0).all())
        )
        if not sound:
            raise InputError(f"'{path}' is damaged: its numbers do not fit this network.")
        return cls(class_means=means, middle=middle, percentiles=percentiles)


_NAMES = ("class_means", "middle", "percentiles")


def atypical_in_words(names: list[str]) -> str:
    """What to tell of pictures, by name, that are unlike the support's."""
    few = len(names) == 1
    return (
        f"{'1 picture looks' if few else f'{len(names)} pictures look'} unlike the support pictures, so that "
        f"{'its prediction means' if few else 'their predictions mean'} little: {listing(names)}."
    )
