"""A synthesized classifier, complete (`TargetNetwork`), and the folder that it is saved in.

The folder follows timm's `local-dir:` layout, so timm loads it without sgps:

    model.safetensors    timm's keys, float32, the same bytes for the same weights
    config.json          timm's fields, and one `sgps` block with what timm has no place for
    typicality.safetensors   what tells pictures like the support's from others; missing where a class has no picture
    README.md            the model card

Batch norms are affine maps here and are written with `running_mean` = 0 and `running_var` = 1 - eps; reading folds them
back exactly. Nothing is pickled.

Shapes: B pictures, S side of the square picture in pixels, N classes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor
from torch.nn import functional

from sgps.errors import InputError
from sgps.files import new_folder
from sgps.model_card import JSON, model_card
from sgps.target import network as forward
from sgps.target.architecture import Architecture, build_architecture
from sgps.target.folder import (
    CONFIG_FILE,
    FORMAT_VERSION,
    WEIGHTS_FILE,
    read_config,
    read_state,
)
from sgps.target.typicality import Typicality
from sgps.task import Preprocessing

CARD_FILE = "README.md"


@dataclass(frozen=True, kw_only=True, eq=False)
class TargetNetwork:
    """A small, ordinary classifier whose every weight was synthesized."""

    architecture: Architecture
    weights: Mapping[str, Tensor]
    """timm's names to tensors, batch norms affine, `classifier.weight` and `.bias` with the temperature folded in."""
    class_names: tuple[str, ...]
    """N names, in the order of the logits."""
    preprocessing: Preprocessing
    descriptions: tuple[tuple[str, ...], ...] = ()
    """For each class its descriptions, none or several. Empty: no class is described."""
    provenance: Mapping[str, JSON] = field(default_factory=dict)
    """Where it comes from: `engine`, `engine_digest`, `n_shot` (class to number of pictures), `sgps_version`, ..."""
    typicality: Typicality | None = None
    """What tells pictures like the support's from others; None where a class has no picture, or an earlier sgps wrote it."""

    def in_batches(
        self, images: Tensor, compute: Callable[[Tensor], Tensor], batch_size: int = 64
    ) -> Tensor:
        """Normalize uint8 pictures, apply `compute` to them batch by batch, and join the results on the CPU.

        Args:
            images: uint8 (B, 3, S, S); B may be 0.
            compute: from normalized pictures (b, 3, S, S) to a tensor whose first dimension is b.
            batch_size: pictures at a time.

        Raises:
            InputError: the pictures are not of the shape and range that this network was made for.
        """
        side = self.preprocessing.image_size
        if images.dtype != torch.uint8 or images.shape[1:] != (3, side, side):
            raise InputError(
                f"images must be uint8 of shape (B, 3, {side}, {side}), got {str(images.dtype).removeprefix('torch.')} "
                f"of shape {tuple(images.shape)}. Read them with sgps.images.read_images."
            )
        device = self.weights["classifier.bias"].device
        with torch.inference_mode():
            parts = [
                compute(self.preprocessing.normalize(batch.to(device))).float().cpu()
                for batch in torch.split(images, batch_size)
            ]
        # Joined outside of inference mode, so that the caller may go on computing with the result.
        return torch.cat(parts)

    def logits(self, images: Tensor, batch_size: int = 64) -> Tensor:
        """Class scores, float32 (B, N), of uint8 pictures (B, 3, S, S)."""
        return self.in_batches(
            images,
            lambda batch: forward.logits(self.architecture, self.weights, batch),
            batch_size,
        )

    def probabilities(self, images: Tensor, batch_size: int = 64) -> Tensor:
        """Calibrated class probabilities, float32 (B, N), of uint8 pictures (B, 3, S, S)."""
        return self.logits(images, batch_size).softmax(dim=1)

    def features(self, images: Tensor, batch_size: int = 64) -> Tensor:
        """Pooled features, float32 (B, F), of uint8 pictures (B, 3, S, S); the classifier and `typicality` read them."""
        return self.in_batches(
            images,
            lambda batch: forward.pooled_features(self.architecture, self.weights, batch),
            batch_size,
        )

    def classify(self, images: Tensor, batch_size: int = 64) -> tuple[Tensor, Tensor | None]:
        """Calibrated probabilities (B, N) and typicality (B,), if it is known, of uint8 pictures (B, 3, S, S), in one pass."""
        features = self.features(images, batch_size)
        typicality = self.typicality.of(features) if self.typicality else None
        return self.probabilities_of(features), typicality

    def probabilities_of(self, features: Tensor) -> Tensor:
        """Calibrated class probabilities (B, N) of pictures whose features (B, F), on the CPU, are known."""
        weight, bias = (self.weights[f"classifier.{name}"].cpu() for name in ("weight", "bias"))
        return functional.linear(features, weight, bias).softmax(dim=1)

    def state_dict(self) -> dict[str, Tensor]:
        """Every tensor under timm's key, ready for `load_state_dict(strict=True)`; its keys are sorted."""
        state = forward.unfold_batch_norm(self.weights, self.architecture)
        return {name: state[name].detach().cpu().contiguous() for name in sorted(state)}

    def save(self, folder: str | Path, also: Callable[[Path], object] | None = None) -> None:
        """Write the folder, whole or not at all.

        Args:
            folder: must not exist.
            also: writes further files into the folder before it gets its name.

        Raises:
            InputError: `folder` exists already, or cannot be written.
        """
        with new_folder(Path(folder)) as partial:
            weights = safetensors.torch.save(self.state_dict(), metadata={"format": "pt"})
            (partial / WEIGHTS_FILE).write_bytes(weights)
            config = json.dumps(_config(self), indent=2, ensure_ascii=False, allow_nan=False)
            (partial / CONFIG_FILE).write_text(config + "\n", encoding="utf-8")
            (partial / CARD_FILE).write_text(_card(self), encoding="utf-8")
            if self.typicality:
                self.typicality.save(partial)
            if also:
                also(partial)

    def reordered(self, order: Sequence[int]) -> TargetNetwork:
        """The same classifier with its classes in another order; `order` lists the old positions."""
        places = list(order)
        weights = dict(self.weights)
        for name in ("classifier.weight", "classifier.bias"):
            weights[name] = weights[name][places].contiguous()
        described = self.descriptions
        return replace(
            self,
            weights=weights,
            class_names=tuple(self.class_names[place] for place in places),
            descriptions=tuple(described[place] for place in places) if described else (),
        )

    @classmethod
    def load(cls, folder: str | Path) -> TargetNetwork:
        """Read a folder that `save` wrote.

        Raises:
            InputError: the folder is missing, foreign, damaged, or of an unknown format version.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise InputError(f"'{folder}' is not a folder. Give the folder of a saved classifier.")
        config = read_config(folder)
        architecture = build_architecture(config.architecture)
        state = read_state(folder, architecture, len(config.class_names))
        weights = forward.fold_batch_norm(state, architecture)
        for spec in architecture.classifier_specs(len(config.class_names)):
            weights[spec.name] = state[spec.name]
        return cls(
            architecture=architecture,
            weights=weights,
            class_names=config.class_names,
            descriptions=config.descriptions,
            preprocessing=config.preprocessing,
            provenance=config.provenance,
            typicality=Typicality.load(folder, architecture.num_features),
        )


def _card(network: TargetNetwork) -> str:
    return model_card(
        architecture=network.architecture.name,
        num_parameters=sum(tensor.numel() for tensor in network.weights.values()),
        class_names=network.class_names,
        descriptions=network.descriptions,
        preprocessing=network.preprocessing,
        provenance=network.provenance,
        typical=network.typicality is not None,
    )


def _config(network: TargetNetwork) -> dict[str, JSON]:
    """Everything but the weights: timm's fields, then ours."""
    size = network.preprocessing.image_size
    num_classes = len(network.class_names)
    # timm takes one text a class; ours may have several and stay apart in the `sgps` block.
    described = zip(network.class_names, network.descriptions, strict=False)
    return {
        "architecture": network.architecture.name,
        "num_classes": num_classes,
        "num_features": network.architecture.num_features,
        "global_pool": "avg",
        "label_names": list(network.class_names),
        "label_descriptions": {name: " / ".join(texts) for name, texts in described if texts},
        "pretrained_cfg": {
            "custom_load": False,
            "input_size": [3, size, size],
            "fixed_input_size": False,
            "interpolation": "bicubic",
            "crop_pct": 1.0,
            "crop_mode": "center",
            "mean": list(network.preprocessing.mean),
            "std": list(network.preprocessing.std),
            "num_classes": num_classes,
            "pool_size": [math.ceil(size / 32)] * 2,
            "first_conv": "conv_stem",
            "classifier": "classifier",
        },
        "sgps": {
            "format_version": FORMAT_VERSION,
            "descriptions": [list(texts) for texts in network.descriptions],
            "provenance": dict(network.provenance),
        },
    }
