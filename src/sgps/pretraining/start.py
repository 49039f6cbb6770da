"""Read the network that training starts from, and refuse a file that holds another one.

In: timm's state dict as safetensors, from a file or from the hub. Out: affine `Weights`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from sgps.errors import InputError, listing
from sgps.pretraining.config import HUB
from sgps.target.architecture import Architecture
from sgps.target.network import fold_batch_norm

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def _downloaded(name: str) -> Path:
    """The safetensors file of a network that timm publishes, from the Hugging Face hub or its local cache."""
    try:
        from huggingface_hub import hf_hub_download
    except ImportError:
        raise InputError(
            f"the start {name} is to be downloaded, which needs: pip install huggingface_hub. "
            "Or name a safetensors file as `start`."
        ) from None
    try:
        return Path(hf_hub_download(name.removeprefix(HUB), "model.safetensors"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"the start {name} cannot be downloaded ({' '.join(str(error).split())}). "
            "Check the name and the network, or name a safetensors file as `start`."
        ) from None


def read_start(start: str, architecture: Architecture) -> tuple[dict[str, Tensor], str]:
    """Return the backbone's affine weights, float32, and the SHA-256 of their file.

    Args:
        start: path of a safetensors file, or `hf-hub:timm/NAME` for one that timm publishes.
        architecture: what it must be a network of.

    Raises:
        InputError: the file is missing or damaged, or its tensors are not those of the architecture.
    """
    path = _downloaded(start) if start.startswith(HUB) else Path(start)
    try:
        data = path.read_bytes()
        state = load(data)
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"the start {start} is not a readable safetensors file: {error}. Correct `start` in the recipe."
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
            f"the start {start} is not a {architecture.name}: missing, further or wrong {listing(wrong)}. "
            "Correct `start` or `architecture` in the recipe."
        )
    weights = fold_batch_norm({name: state[name].float() for name in found}, architecture)
    return weights, hashlib.sha256(data).hexdigest()
