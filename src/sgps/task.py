"""The problem, as data: what the engine is given (`SupportSet`) and how pictures are prepared (`Preprocessing`).

Shapes: n pictures of the support set, N classes, S side of a square picture in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from sgps.errors import InputError, listing


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """How a picture becomes the network's input; stored with every synthesized classifier."""

    image_size: int
    """Side of the square input, in pixels; the short side is resized to it (bicubic), then the centre is cropped."""
    mean: tuple[float, float, float]
    """Per-channel mean of RGB in [0, 1], subtracted before division by `std`."""
    std: tuple[float, float, float]
    """Per-channel standard deviation of RGB in [0, 1]."""

    def normalize(self, images: Tensor) -> Tensor:
        """Turn uint8 pictures (n, 3, S, S) into the network's float32 input of the same shape."""
        mean = torch.tensor(self.mean, device=images.device).view(1, 3, 1, 1)
        std = torch.tensor(self.std, device=images.device).view(1, 3, 1, 1)
        return (images.float() / 255 - mean) / std


@dataclass(frozen=True, kw_only=True)
class SupportSet:
    """The labelled pictures and class descriptions that a classifier is synthesized from."""

    images: Tensor
    """uint8 (n, 3, S, S), resized and cropped; n may be 0 when every class is described in words."""
    labels: Tensor
    """int64 (n,), indices into `class_names`."""
    class_names: tuple[str, ...]
    """N names; their order is the order of the logits."""
    descriptions: tuple[tuple[str, ...], ...] = field(default=())
    """For each class its descriptions, none or several; several are averaged as a set. Empty: no class is described."""

    def __post_init__(self) -> None:
        if len(self.class_names) < 2:
            names = listing(list(self.class_names)) or "none"
            raise InputError(f"a classifier needs at least 2 classes, got {names}. Add a class.")
        if len(set(self.class_names)) != len(self.class_names):
            raise InputError(f"class names repeat: {listing(list(self.class_names))}.")
        if self.descriptions and len(self.descriptions) != len(self.class_names):
            raise InputError(
                f"{len(self.descriptions)} descriptions for {len(self.class_names)} classes."
            )
        counts = self.shots
        bare = [
            name
            for index, name in enumerate(self.class_names)
            if counts[index] == 0 and not self.texts(index)
        ]
        if bare:
            raise InputError(
                f"neither a picture nor a description for {listing(bare)}. Give each class at least one of the two."
            )

    @property
    def num_classes(self) -> int:
        """N."""
        return len(self.class_names)

    @property
    def shots(self) -> tuple[int, ...]:
        """Number of pictures of each class."""
        counts = torch.bincount(self.labels, minlength=len(self.class_names))
        return tuple(int(count) for count in counts)

    def texts(self, index: int) -> tuple[str, ...]:
        """Descriptions of class `index`."""
        return self.descriptions[index] if self.descriptions else ()


def class_descriptions_in_order(
    descriptions: dict[str, str | Sequence[str]] | None, class_names: Sequence[str]
) -> tuple[tuple[str, ...], ...]:
    """Sort a mapping from class to text(s) into the order of `class_names`; a missing class gets none.

    Raises:
        InputError: a description names an unknown class or is blank; all offenders are listed.
    """
    if not descriptions:
        return ()
    unknown = sorted(str(name) for name in descriptions if name not in set(class_names))
    if unknown:
        raise InputError(
            f"descriptions name unknown classes: {listing(unknown)}; the classes are {listing(list(class_names), 20)}."
        )
    ordered: list[tuple[str, ...]] = []
    wrong: list[str] = []
    for name in class_names:
        given = descriptions.get(name, ())
        # Anything but a text or several, such as None, is one description that is not text.
        several = isinstance(given, Sequence) and not isinstance(given, str)
        texts: tuple[Any, ...] = tuple(given) if several else (given,)
        if any(not isinstance(text, str) or not text.strip() for text in texts):
            wrong.append(f"'{name}'")
        ordered.append(texts)
    if wrong:
        raise InputError(
            f"the description of {listing(wrong)} is blank or not text. Write a sentence or leave it out."
        )
    return tuple(ordered)
