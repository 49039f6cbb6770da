"""Evidence laid over a picture as heat, as `sgps explain`, the demo's report and the service show it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[np.uint8]
"""A picture (3, S, S)."""

_RAMP = np.array([(60, 20, 110), (190, 50, 90), (250, 150, 40), (255, 245, 120)], dtype=np.float32)
"""Colors of the evidence from little to much; violet to yellow is told apart by color-blind readers, too."""


def overlay(picture: Picture, evidence: NDArray[np.float32]) -> Picture:
    """Lay the positive evidence (h, w) over the picture, as strong as it is relative to the picture's highest."""
    side = picture.shape[1]
    level = np.maximum(evidence, 0)
    level = level / max(float(level.max()), 1e-6)
    field = Image.fromarray(level.astype(np.float32)).resize((side, side), Image.Resampling.BICUBIC)
    heat = np.clip(np.asarray(field), 0, 1)
    position = heat * (len(_RAMP) - 1)
    low = np.minimum(position.astype(np.intp), len(_RAMP) - 2)
    part = (position - low)[..., None]
    color = (_RAMP[low] * (1 - part) + _RAMP[low + 1] * part).transpose(2, 0, 1)
    gray = picture.astype(np.float32).mean(axis=0, keepdims=True)
    # Gray below the heat: the drawing's own reds and violets would be taken for evidence.
    mixed = gray + (0.25 + 0.5 * heat) * (color - gray)
    blended: Picture = np.clip(mixed + 0.5, 0, 255).astype(np.uint8)
    return blended


def enlarged(picture: Picture, side: int) -> Picture:
    """The picture with `side` pixels a side (bicubic), so that a reader sees what the network saw."""
    image = as_image(picture).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(image).transpose(2, 0, 1)


def as_image(picture: Picture) -> Image.Image:
    """The picture as Pillow has it, to be resized or written."""
    return Image.fromarray(np.ascontiguousarray(picture.transpose(1, 2, 0)))
