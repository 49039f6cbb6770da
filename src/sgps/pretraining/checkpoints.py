"""Keep what a pretraining run needs to go on: safetensors files that name the recipe they belong to.

In: named tensors. Out: files that are whole at any moment, whenever the run is stopped.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from sgps.errors import InputError

_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


def save_checkpoint(tensors: Mapping[str, Tensor], path: Path, recipe_digest: str) -> None:
    """Write a file whole or not at all: beside its place first, then renamed over the old one.

    Raises:
        InputError: it cannot be written; the old one is left.
    """
    partial = path.with_suffix(".partial")
    content = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    try:
        save_file(content, partial, metadata={"recipe": recipe_digest})
        partial.replace(path)
    except (OSError, SafetensorError) as error:
        partial.unlink(missing_ok=True)
        reason = " ".join(str(error).split())
        raise InputError(
            f"cannot write {path}: {reason}. Make room or mend it, then go on with --resume."
        ) from None


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
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{path} is damaged: {error}. Remove it to start that stage again."
        ) from None


def training_state(
    step: int, tensors: Mapping[str, Tensor], optimizer: torch.optim.Optimizer
) -> dict[str, Tensor]:
    """Step, trained tensors and the optimiser's moments of each, as named tensors."""
    state = {"step": torch.tensor(step)}
    for name, tensor in tensors.items():
        state[f"tensor/{name}"] = tensor.detach()
        # A tensor that has not had a gradient yet has no moments.
        for key, value in optimizer.state.get(tensor, {}).items():
            state[f"{key}/{name}"] = value
    return state


@torch.no_grad()
def restore_training_state(
    state: Mapping[str, Tensor], tensors: Mapping[str, Tensor], optimizer: torch.optim.Optimizer
) -> int:
    """Put back what `training_state` returned, and return the step."""
    is_fused = optimizer.defaults.get("fused")
    for name, tensor in tensors.items():
        tensor.copy_(state[f"tensor/{name}"])
        moments = {
            # AdamW keeps its count of steps on the CPU, whatever the device, unless it is fused.
            key: state[f"{key}/{name}"].to(
                "cpu" if key == "step" and not is_fused else tensor.device, copy=True
            )
            for key in _MOMENTS
            if f"{key}/{name}" in state
        }
        if moments:
            optimizer.state[tensor] = moments
    return int(state["step"])


@contextmanager
def deferred_interrupt() -> Iterator[threading.Event]:
    """Within, the first Ctrl-C only sets the event, so that a step can be finished and saved; a second interrupts."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    previous = signal.getsignal(signal.SIGINT)

    def remember(number: int, frame: FrameType | None) -> None:
        asked.set()
        signal.signal(signal.SIGINT, previous)

    signal.signal(signal.SIGINT, remember)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, previous)
