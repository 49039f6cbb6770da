"""Read the network that training starts from, and refuse a file that holds another one.

In: timm's state dict as safetensors. Out: affine `Weights`.
"""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from sgps.errors import InputError, listing
from sgps.target.architecture import Architecture
from sgps.target.network import fold_batch_norm

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def read_start(path: Path, architecture: Architecture) -> dict[str, Tensor]:
    """Return the backbone's affine weights, float32.

    Raises:
        InputError: the file is missing or damaged, or its tensors are not those of the architecture.
    """
    try:
        state = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"the start {path} is not a readable safetensors file: {error}. Correct `start` in the recipe."
        ) from None
    shapes = {spec.name: spec.shape for spec in architecture.parameters}
    for norm in architecture.norm_names:
        shapes |= {f"{norm}.{name}": shapes[f"{norm}.bias"] for name in _STATISTICS[:2]}
    found = {
        name: tuple(tensor.shape)
        for name, tensor in state.items()
        if not name.startswith("classifier.") and not name.endswith(_STATISTICS[2])
    }
    # A deeper network of the same family holds every tensor of this one, so that a tensor too many counts, too.
    wrong = sorted(set(shapes) ^ set(found))
    wrong += sorted(name for name in found if name in shapes and found[name] != shapes[name])
    if wrong:
        raise InputError(
            f"the start {path} is not a {architecture.name}: missing, further or wrong {listing(wrong)}. "
            "Correct `start` or `architecture` in the recipe."
        )
    return fold_batch_norm({name: state[name].float() for name in found}, architecture)
