"""Keep what a pretraining run needs to go on: safetensors files that name the recipe they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from sgps.errors import InputError


def save_checkpoint(tensors: Mapping[str, Tensor], path: Path, recipe_digest: str) -> None:
    """Write a file whole or not at all: beside its place first, then renamed over the old one."""
    partial = path.with_suffix(".partial")
    content = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    save_file(content, partial, metadata={"recipe": recipe_digest})
    partial.replace(path)


def load_checkpoint(path: Path, recipe_digest: str) -> dict[str, Tensor]:
    """Read a file that `save_checkpoint` wrote.

    Raises:
        InputError: the file is damaged or belongs to another recipe.
    """
    try:
        with safe_open(path, "pt") as stream:
            if (stream.metadata() or {}).get("recipe") != recipe_digest:
                raise InputError(
                    f"{path} belongs to another recipe. Give the run another --out folder, or restore the recipe."
                )
            return {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise InputError(
            f"{path} is damaged: {error}. Remove it to start that stage again."
        ) from None
