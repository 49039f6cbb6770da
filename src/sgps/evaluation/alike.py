"""Find pictures that show the same: equal pixels, or nearly so after a new compression, another size or brightness.

In: pictures, one at a time, whole. Out: a `Fingerprint` each (a digest, 64 bits, 1 KB of gray), and `Alike` sets of them.

Near ones are found by a difference hash (each of 8 x 8 cells brighter than its left neighbor or not), at most
`MAX_BITS` of 64 apart, and confirmed by the correlation of 32 x 32 gray values, at least `MIN_CORRELATION`. The hash alone
does not do for medical pictures, which are all composed alike: of 600 chest X-rays it calls 17,604 pairs equal, of 1500
dermatoscopic pictures 1336; the correlation leaves none and 2. The same picture saved as JPEG at quality 60, at two
thirds of its size or a tenth darker stays within both, save for fine textures (histology) made smaller. A crop, a turn
or a mirror image is not found. A picture of nearly one color has no such fingerprint and is compared by its pixels only.

Shapes: n pictures, H W their pixels.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

MAX_BITS = 6
"""Largest distance of two hashes, of 64 bits."""
MIN_CORRELATION = 0.995
"""Least correlation of 32 x 32 gray values."""

_SIDE = 32
_COARSE = 8
_MIN_COARSE_CORRELATION = 0.99  # implied by the other, nearly always, at a sixteenth of the cost
_MIN_CONTRAST = 2.0  # standard deviation in gray levels of 255; less is noise
_BLOCK = 512
_PAIRS_AT_ONCE = 4096

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Fingerprint:
    """What is kept of a picture to compare it."""

    digest: bytes
    """SHA-256 of size and pixels."""
    bits: NDArray[np.bool_]
    """Difference hash (64,)."""
    gray: NDArray[np.uint8]
    """Gray values of the shrunk picture (1024,)."""


@dataclass(frozen=True)
class Alike:
    """Pictures that show the same."""

    members: tuple[int, ...]
    """Their places in the list, rising."""
    exact: bool
    """Whether all have equal pixels."""


def fingerprint(picture: Tensor) -> Fingerprint:
    """Condense a whole picture, uint8 (3, H, W)."""
    pixels = np.ascontiguousarray(picture.permute(1, 2, 0).numpy())
    digest = hashlib.sha256(str(pixels.shape).encode())
    digest.update(pixels.data)
    gray = Image.fromarray(pixels).convert("L")
    cells = np.asarray(gray.resize((9, 8), Image.Resampling.BOX), dtype=np.int16)
    small = np.asarray(gray.resize((_SIDE, _SIDE), Image.Resampling.BOX), dtype=np.uint8)
    return Fingerprint(digest.digest(), (cells[:, 1:] > cells[:, :-1]).ravel(), small.ravel())


def find_alike(prints: Sequence[Fingerprint]) -> list[Alike]:
    """Group pictures that show the same, in the order of their first members; those without a second are left out."""
    equal: defaultdict[bytes, list[int]] = defaultdict(list)
    for index, one in enumerate(prints):
        equal[one.digest].append(index)
    groups = list(equal.values())
    root = list(range(len(groups)))

    def find(place: int) -> int:
        while root[place] != place:
            root[place] = root[root[place]]
            place = root[place]
        return place

    for first, second in _near_pairs([prints[members[0]] for members in groups]):
        root[find(second)] = find(first)
    joined: defaultdict[int, list[list[int]]] = defaultdict(list)
    for place, members in enumerate(groups):
        joined[find(place)].append(members)
    found = [
        Alike(tuple(sorted(index for members in parts for index in members)), len(parts) == 1)
        for parts in joined.values()
    ]
    return sorted((one for one in found if len(one.members) > 1), key=lambda one: one.members)


def _near_pairs(prints: Sequence[Fingerprint]) -> Iterator[tuple[int, int]]:
    """Compare all with all, block by block, so that the memory stays small."""
    if not prints:
        return
    gray = np.stack([one.gray for one in prints])
    cells = gray.reshape(len(gray), _COARSE, _SIDE // _COARSE, _COARSE, _SIDE // _COARSE)
    coarse = _standardized(cells.mean(axis=(2, 4), dtype=np.float32).reshape(len(gray), -1))
    # With -1 and 1 for the bits, a product of matrices counts those that agree.
    signs = np.stack([one.bits for one in prints]).astype(np.float32) * 2 - 1
    for start in range(0, len(gray), _BLOCK):
        rows = slice(start, start + _BLOCK)
        close = signs[rows] @ signs[start:].T >= signs.shape[1] - 2 * MAX_BITS
        close &= coarse[rows] @ coarse[start:].T >= _MIN_COARSE_CORRELATION
        first, second = np.nonzero(np.triu(close, 1))
        for at in range(0, len(first), _PAIRS_AT_ONCE):
            left, right = (side[at : at + _PAIRS_AT_ONCE] + start for side in (first, second))
            products = _standardized(gray[left]) * _standardized(gray[right])
            alike = products.sum(axis=1) >= MIN_CORRELATION
            yield from zip(left[alike].tolist(), right[alike].tolist(), strict=True)


def _standardized(values: NDArray[Any]) -> Floats:
    """Rows with mean 0 and length 1, so that a product is a correlation; zero where there is no contrast."""
    centered: Floats = values.astype(np.float32)
    centered -= centered.mean(axis=1, keepdims=True)
    contrast = centered.std(axis=1, keepdims=True)
    length = np.linalg.norm(centered, axis=1, keepdims=True)
    scaled: Floats = np.where(contrast < _MIN_CONTRAST, 0, centered / np.maximum(length, 1e-6))
    return scaled
