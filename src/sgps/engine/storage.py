"""Read and write an engine's folder: `engine.safetensors`, `config.json`, `typicality.json`, and the card `README.md`.

The base and everything learned are stored as float16; expert directions as int8 with one float16 scale an output channel, a
quarter of their size with a rounding error of at most 1/254 of a channel's largest change. What is typical of a support is told
by a few numbers in a file of their own, which may be missing: no answer of a classifier depends on them, and they are not part of
the engine's digest. Nothing is pickled.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from sgps.engine.config import EngineConfig
from sgps.engine.model import SynthesisNetwork
from sgps.errors import InputError, listing
from sgps.files import new_folder

_WEIGHTS = "engine.safetensors"
_CONFIG = "config.json"
_TYPICALITY = "typicality.json"
_CARD = "README.md"


def _quantize(network: SynthesisNetwork) -> dict[str, Tensor]:
    """Expert directions as int8 (K, P) and float16 scales (K, channels)."""
    generator = network.generator
    codes, scales = [], []
    for index in range(len(generator.directions)):
        base = generator.base_weights()
        for name, tensor in generator.expert_weights(index).items():
            rows = (tensor - base[name]).reshape(tensor.shape[0], -1)
            scale = (rows.abs().amax(1) / 127).clamp(min=1e-7).half()
            codes.append((rows / scale.float()[:, None]).round().clamp(-127, 127).to(torch.int8))
            scales.append(scale)
    if not codes:
        return {}
    count = len(generator.directions)
    return {
        "directions.codes": torch.cat([code.flatten() for code in codes]).view(count, -1),
        "directions.scales": torch.cat(scales).view(count, -1),
    }


def _shapes_of_networks(network: SynthesisNetwork) -> dict[str, torch.Size]:
    """Shapes of the base, flat, and of the expert directions as `_quantize` stores them."""
    generator = network.generator
    experts = len(generator.directions)
    rows = sum(spec.shape[0] for spec in generator.specs)
    return {
        "base": generator.base.shape,
        "directions.codes": torch.Size((experts, generator.base.numel())),
        "directions.scales": torch.Size((experts, rows)),
    }


def _dequantize(network: SynthesisNetwork, codes: Tensor, scales: Tensor) -> None:
    generator = network.generator
    rows = torch.tensor([spec.shape[0] for spec in generator.specs])
    columns = torch.tensor([math.prod(spec.shape[1:]) for spec in generator.specs])
    repeats = columns.repeat_interleave(rows)
    for index in range(len(codes)):
        spread = scales[index].float().repeat_interleave(repeats)
        generator.directions[index].copy_(codes[index].float() * spread)


def _half(tensor: Tensor) -> Tensor:
    """In float16, what is too large for it as the largest: spreads of a metric learned from few pictures may be."""
    most = torch.finfo(torch.half).max
    return tensor.float().clamp(-most, most).half()


def save_engine(network: SynthesisNetwork, card: str, folder: Path) -> None:
    """Write an engine's folder, whole or not at all.

    Raises:
        InputError: `folder` exists.
    """
    tensors = {f"network.{name}": _half(t) for name, t in network.state_dict().items()}
    tensors["base"] = _half(network.generator.base)
    tensors |= _quantize(network)
    content = {name: tensors[name].cpu().contiguous() for name in sorted(tensors)}
    with new_folder(folder) as partial:
        (partial / _WEIGHTS).write_bytes(save(content))
        (partial / _CONFIG).write_text(network.config.to_json(), encoding="utf-8")
        if network.typicality.is_fitted:
            (partial / _TYPICALITY).write_text(network.typicality.to_json(), encoding="utf-8")
        (partial / _CARD).write_text(card, encoding="utf-8")


def load_engine(folder: Path) -> tuple[SynthesisNetwork, str]:
    """Read an engine's folder; return the network and the SHA-256 of its weights and configuration.

    Raises:
        InputError: the folder is missing, foreign or damaged, or of another format version.
    """
    try:
        raw = (folder / _WEIGHTS).read_bytes()
        text = (folder / _CONFIG).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise InputError(
            f"'{folder}' holds no engine (it needs {_WEIGHTS} and {_CONFIG}). Give the folder of an engine."
        ) from None
    config = EngineConfig.from_json(text, str(folder / _CONFIG))
    where = str(folder / _WEIGHTS)
    try:
        tensors = load(raw)
    except SafetensorError as error:
        raise InputError(f"{where} is damaged: {error}. Copy the engine again.") from None
    network = SynthesisNetwork(config)
    state = {
        name.removeprefix("network."): tensor.float()
        for name, tensor in tensors.items()
        if name.startswith("network.")
    }
    expected = {f"network.{name}" for name in network.state_dict()} | {"base"}
    if config.experts:
        expected |= {"directions.codes", "directions.scales"}
    wrong = sorted(set(tensors) ^ expected)
    shapes = {f"network.{name}": t.shape for name, t in network.state_dict().items()}
    shapes |= _shapes_of_networks(network)
    wrong += sorted(name for name, t in tensors.items() if t.shape != shapes.get(name, t.shape))
    wrong += sorted(
        name for name, t in tensors.items() if t.is_floating_point() and not t.isfinite().all()
    )
    if wrong:
        raise InputError(
            f"{where} does not fit its {_CONFIG}: {listing(wrong)}. Copy the engine again."
        )
    with torch.no_grad():
        network.load_state_dict(state)
        network.generator.base.copy_(tensors["base"].float())
        if config.experts:
            _dequantize(network, tensors["directions.codes"], tensors["directions.scales"])
    if (path := folder / _TYPICALITY).exists():
        network.typicality.read_json(path)
    return network, hashlib.sha256(text.encode() + raw).hexdigest()
