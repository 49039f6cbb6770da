"""Read and check the files of a saved classifier; see `checkpoint.py` for the folder's layout.

In: a folder that may be damaged, foreign or written by another version. Out: `FolderConfig` and a state dict that can
be trusted, or an `InputError` that says what is wrong.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from sgps.errors import InputError, listing
from sgps.model_card import JSON
from sgps.target.architecture import Architecture
from sgps.target.network import unfold_batch_norm
from sgps.task import Preprocessing

FORMAT_VERSION = 1
"""Of the `sgps` block; raised when an older reader would misread a newer folder."""
_LARGEST = 4096
"""Side of the largest input, in pixels; a larger one can only be a damaged number, and would take all memory."""
WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"


@dataclass(frozen=True, kw_only=True)
class FolderConfig:
    """What `config.json` says, checked."""

    architecture: str
    class_names: tuple[str, ...]
    descriptions: tuple[tuple[str, ...], ...]
    preprocessing: Preprocessing
    provenance: Mapping[str, JSON]


def read_config(folder: Path) -> FolderConfig:
    """Read `config.json` and check every field that is used."""
    path = folder / CONFIG_FILE
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read '{path}': {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"'{path}' is damaged: it is not JSON ({error}).") from error
    ours = content.get("sgps") if isinstance(content, dict) else None
    if not isinstance(ours, dict):
        raise InputError(
            f"'{path}' has no 'sgps' block: the folder was not written by sgps. Synthesize a classifier first."
        )
    version = ours.get("format_version")
    if version != FORMAT_VERSION:
        raise InputError(
            f"'{path}' has format_version {version!r} and this sgps reads {FORMAT_VERSION}. Update sgps, or synthesize "
            "the classifier again."
        )
    try:
        config = _checked(content)
        # What could not be written again, such as NaN or half a character: a ValueError, too.
        json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8")
        return config
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        reason = f"'{error.args[0]}' is missing" if isinstance(error, KeyError) else error
        raise InputError(f"'{path}' is damaged: {reason}.") from error


def _checked(content: dict[str, Any]) -> FolderConfig:
    """Take the fields out of `config.json`; anything amiss is a KeyError, TypeError or ValueError."""
    names = _texts(content["label_names"], "label_names")
    if len(names) < 2 or len(set(names)) != len(names):
        raise ValueError("label_names must be at least 2 different names")
    if content["num_classes"] != len(names):
        raise ValueError(f"num_classes is {content['num_classes']} for {len(names)} label_names")
    ours, picture = content["sgps"], content["pretrained_cfg"]
    descriptions = tuple(_texts(texts, "descriptions") for texts in ours["descriptions"])
    if len(descriptions) not in (0, len(names)):
        raise ValueError(f"{len(descriptions)} descriptions for {len(names)} classes")
    channels, height, width = picture["input_size"]
    if channels != 3 or height != width or not isinstance(width, int) or not 1 <= width <= _LARGEST:
        raise ValueError(
            f"input_size is {picture['input_size']}, not [3, S, S] with S from 1 to {_LARGEST}"
        )
    if not isinstance(ours["provenance"], dict):
        raise TypeError("provenance is not an object")
    if not isinstance(content["architecture"], str):
        raise TypeError("architecture is not a name")
    std = _rgb(picture["std"], "std")
    if min(std) <= 0:
        raise ValueError(f"std is {picture['std']}, not three positive numbers")
    return FolderConfig(
        architecture=content["architecture"],
        class_names=names,
        descriptions=descriptions,
        preprocessing=Preprocessing(image_size=width, mean=_rgb(picture["mean"], "mean"), std=std),
        provenance=ours["provenance"],
    )


def _texts(value: object, name: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise TypeError(f"{name} is not a list of texts")
    return tuple(value)


def _rgb(value: object, name: str) -> tuple[float, float, float]:
    numbers = value if isinstance(value, list) else []
    if len(numbers) != 3 or not all(
        isinstance(number, int | float) and math.isfinite(number) for number in numbers
    ):
        raise ValueError(f"{name} is {value}, not three finite numbers")
    return float(numbers[0]), float(numbers[1]), float(numbers[2])


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a file of tensors.

    Raises:
        InputError: it cannot be read, or is damaged.
    """
    try:
        return safetensors.torch.load(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read '{path}': {error.strerror}.") from error
    # A KeyError: the numbers are of a kind that torch has not.
    except (safetensors.SafetensorError, KeyError) as error:
        raise InputError(f"'{path}' is damaged: {error}.") from error


def read_state(folder: Path, architecture: Architecture, num_classes: int) -> dict[str, Tensor]:
    """Read `model.safetensors` and compare every tensor with what the architecture says."""
    path = folder / WEIGHTS_FILE
    state = read_tensors(path)
    specs = (*architecture.parameters, *architecture.classifier_specs(num_classes))
    blank = {spec.name: torch.empty(spec.shape, device="meta") for spec in specs}
    expected = unfold_batch_norm(blank, architecture)
    if missing := sorted(expected.keys() - state.keys()):
        raise InputError(f"'{path}' is damaged: {listing(missing)} missing.")
    if foreign := sorted(state.keys() - expected.keys()):
        raise InputError(f"'{path}' is no {architecture.name}: {listing(foreign)} unknown.")
    unlike = sorted(
        f"{name} is {_kind(tensor)} instead of {_kind(expected[name])}"
        for name, tensor in state.items()
        if _kind(tensor) != _kind(expected[name])
    )
    if unlike:
        raise InputError(f"'{path}' is damaged: {listing(unlike)}.")
    if broken := sorted(name for name, tensor in state.items() if not _is_sound(name, tensor)):
        raise InputError(f"'{path}' is damaged: {listing(broken)} not finite.")
    return state


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"


def _is_sound(name: str, tensor: Tensor) -> bool:
    """Whether the numbers lead to finite weights; a negative variance has no square root."""
    if name.endswith("running_var") and bool((tensor < 0).any()):
        return False
    return bool(tensor.isfinite().all())
