"""In which range each number of a recipe makes sense, and what its names are made of.

In: a part of a recipe. Out: what is wrong with its values, in words.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
"""What may name files and folders everywhere."""
_SMALLEST_PICTURE = 32
"""Side below which nothing is left of a picture behind the network's strides."""
_MOST = sys.float_info.max
LIMITS: dict[str, tuple[float, float]] = {
    "base_step": (-_MOST, _MOST),
    "batch_size": (1, _MOST),
    "calibration_tasks": (0, _MOST),
    "checkpoint_minutes": (0, _MOST),
    "color_jitter": (0, _MOST),
    "contrast": (0, _MOST),
    "distillation": (0, _MOST),
    "drawn_images": (0, _MOST),
    "ema_decay": (0, 1),
    "expert_step": (-_MOST, _MOST),
    "generator_width": (1, _MOST),
    "head_steps": (0, _MOST),
    "image_size": (_SMALLEST_PICTURE, _MOST),
    "label_smoothing": (0, 1),
    "learning_rate": (0, _MOST),
    "lexicon_drawings": (0, _MOST),
    "max_images": (0, _MOST),
    "max_shot": (1, _MOST),
    "max_way": (2, _MOST),
    "mining": (0, _MOST),
    "queries": (1, _MOST),
    "seed": (0, 2**32 - 1),
    "seen_share": (0, 1),
    "share": (-_MOST, _MOST),
    "steps": (1, _MOST),
    "stored_size": (_SMALLEST_PICTURE, _MOST),
    "tasks_per_step": (1, _MOST),
    "teacher": (0, _MOST),
    "warmup_steps": (0, _MOST),
    "weight_decay": (0, _MOST),
}
"""Least and greatest value of each numeric field of a recipe; none is infinite or not a number."""


def bad_values(record: DataclassInstance, prefix: str = "") -> list[str]:
    """Say of each number out of its range, and of a name that is none, what it is and what it should be.

    Args:
        record: of it, not of its own parts, the fields are looked at.
        prefix: stands before the name of each field.
    """
    bad = []
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if field.name == "name" and not _NAME.fullmatch(value):
            wanted = "letters, digits, - and _, beginning with neither of these two"
            bad.append(f"{prefix}name = '{value}' ({wanted})")
        elif field.name in LIMITS:
            least, greatest = LIMITS[field.name]
            if not least <= value <= greatest:
                bad.append(f"{prefix}{field.name} = {value} ({_range(least, greatest)})")
    return bad


def _range(least: float, greatest: float) -> str:
    if greatest < _MOST:
        return f"{least} to {greatest}"
    return f"at least {least}" if least > -_MOST else "any finite number"
