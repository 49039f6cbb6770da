"""Run the target network under given weights: a pure function of (weights, images), differentiable in both.

In: `Weights`, a dict from timm's name to tensor in which every batch norm is a plain affine map (`weight` = scale,
`bias` = shift, no running statistics), and normalized images (B, 3, H, W). Out: pooled features (B, F), feature maps, logits.

Several networks run as one whose channels are theirs side by side and whose convolutions have as many more groups.

Shapes: B images, C channels, H W pixels, F pooled features, N classes, T networks.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from sgps.target.architecture import Architecture, Block

Weights = Mapping[str, Tensor]

_FILLED_UP = 16
"""A GPU's batches are filled up to a multiple of this: its library prepares all convolutions anew, for one to four seconds, for
every number of pictures that it has not met."""


def fold_batch_norm(state: Mapping[str, Tensor], architecture: Architecture) -> dict[str, Tensor]:
    """Turn a state dict with batch-norm statistics into affine `Weights`.

    Eval-mode batch norm is an affine map. It is written out because torch's kernel has no gradient with respect to the
    running statistics, and a synthesized network has none to keep.
    """
    weights = {spec.name: state[spec.name] for spec in architecture.parameters}
    for name in architecture.norm_names:
        if f"{name}.running_var" not in state:
            continue
        scale = state[f"{name}.weight"] * torch.rsqrt(
            state[f"{name}.running_var"] + architecture.norm_eps
        )
        weights[f"{name}.weight"] = scale
        weights[f"{name}.bias"] = state[f"{name}.bias"] - state[f"{name}.running_mean"] * scale
    return weights


def unfold_batch_norm(weights: Weights, architecture: Architecture) -> dict[str, Tensor]:
    """Turn affine `Weights` into a state dict that timm loads: `running_mean` = 0, `running_var` = 1 - eps."""
    state = dict(weights)
    for name in architecture.norm_names:
        scale = weights[f"{name}.weight"]
        state[f"{name}.running_mean"] = torch.zeros_like(scale)
        state[f"{name}.running_var"] = torch.full_like(scale, 1.0 - architecture.norm_eps)
        state[f"{name}.num_batches_tracked"] = torch.zeros((), dtype=torch.int64)
    return state


def initial_weights(architecture: Architecture, generator: torch.Generator) -> dict[str, Tensor]:
    """Draw a random start (He initialisation, scales 1, shifts and biases 0)."""
    weights: dict[str, Tensor] = {}
    for spec in architecture.parameters:
        if spec.kind == "scale":
            weights[spec.name] = torch.ones(spec.shape)
        elif len(spec.shape) == 1:
            weights[spec.name] = torch.zeros(spec.shape)
        else:
            fan_in = spec.shape[1] * spec.shape[2] * spec.shape[3]
            noise = torch.randn(spec.shape, generator=generator)
            weights[spec.name] = noise * (2.0 / fan_in) ** 0.5
    return weights


def _grouped(x: Tensor, filters: Tensor, bias: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    """Convolution in as many groups as the filters leave of the channels: one, one a channel, or T times as many."""
    groups = x.shape[1] // filters.shape[1]
    return functional.conv2d(x, filters, bias, stride=stride, padding=padding, groups=groups)


class _Runner:
    """The forward pass, block by block, under one set of weights."""

    def __init__(self, architecture: Architecture, weights: Weights) -> None:
        self.architecture = architecture
        self.weights = weights

    def activate(self, x: Tensor) -> Tensor:
        """The activation; in place where no gradient is wanted, so that no second map is written."""
        inplace = not torch.is_grad_enabled()
        if self.architecture.activation == "silu":
            return functional.silu(x, inplace=inplace)
        return functional.relu6(x, inplace=inplace)

    def conv_norm(self, x: Tensor, conv: str, norm: str, stride: int = 1) -> Tensor:
        """Convolution and batch norm in one kernel: the scale multiplies the filters, the shift is the bias."""
        kernel = self.weights[f"{conv}.weight"]
        size = kernel.shape[-1]
        padding = size // 2
        if stride > 1 and self.architecture.same_padding:
            height, width = (
                max((-(-side // stride) - 1) * stride + size - side, 0) for side in x.shape[-2:]
            )
            x = functional.pad(
                x, (width // 2, width - width // 2, height // 2, height - height // 2)
            )
            padding = 0
        filters = kernel * self.weights[f"{norm}.weight"][:, None, None, None]
        # Folded filters come out contiguous; channels-last ones halve the time of a convolution on a CPU.
        if x.dtype == torch.float32:
            filters = filters.contiguous(memory_format=torch.channels_last)
        return _grouped(x, filters, self.weights[f"{norm}.bias"], stride, padding)

    def squeeze_excite(self, x: Tensor, name: str) -> Tensor:
        weights = self.weights
        pooled = x.mean((2, 3), keepdim=True)
        reduced = _grouped(
            pooled, weights[f"{name}.conv_reduce.weight"], weights[f"{name}.conv_reduce.bias"]
        )
        gate = _grouped(
            self.activate(reduced),
            weights[f"{name}.conv_expand.weight"],
            weights[f"{name}.conv_expand.bias"],
        )
        return x * gate.sigmoid()

    def block(self, x: Tensor, block: Block) -> Tensor:
        name, stride = block.name, block.stride
        if block.kind == "conv":
            y = self.activate(self.conv_norm(x, f"{name}.conv", f"{name}.bn1", stride))
        elif block.kind == "edge":
            y = self.activate(self.conv_norm(x, f"{name}.conv_exp", f"{name}.bn1", stride))
            y = self.conv_norm(y, f"{name}.conv_pwl", f"{name}.bn2")
        elif block.kind == "separable":
            y = self.activate(self.conv_norm(x, f"{name}.conv_dw", f"{name}.bn1", stride))
            y = self.conv_norm(y, f"{name}.conv_pw", f"{name}.bn2")
        else:
            y = self.activate(self.conv_norm(x, f"{name}.conv_pw", f"{name}.bn1"))
            y = self.activate(self.conv_norm(y, f"{name}.conv_dw", f"{name}.bn2", stride))
            if block.squeeze:
                y = self.squeeze_excite(y, f"{name}.se")
            y = self.conv_norm(y, f"{name}.conv_pwl", f"{name}.bn3")
        return x + y if block.skip else y


def feature_maps(
    architecture: Architecture, weights: Weights, images: Tensor
) -> tuple[list[Tensor], Tensor]:
    """Run the backbone.

    Args:
        architecture: which network.
        weights: affine weights of its backbone; a classifier may be among them and is not used.
        images: normalized pictures (B, 3, H, W).

    Returns:
        The output of each block stage, (B, C_stage, h, w), and the last feature map (B, F, h, w) that is pooled.
    """
    if images.device.type == "cpu":
        return _feature_maps(architecture, weights, images)
    filled = functional.pad(images, (0,) * 7 + (-len(images) % _FILLED_UP,))
    taps, last = _feature_maps(architecture, weights, filled)
    return [tap[: len(images)] for tap in taps], last[: len(images)]


def _feature_maps(
    architecture: Architecture, weights: Weights, images: Tensor
) -> tuple[list[Tensor], Tensor]:
    """The same of as many pictures as are given."""
    runner = _Runner(architecture, weights)
    x = images.contiguous(memory_format=torch.channels_last)
    x = runner.activate(runner.conv_norm(x, "conv_stem", "bn1", stride=2))
    taps: list[Tensor] = []
    for block in architecture.blocks:
        if len(taps) < block.stage - 1:
            taps.append(x)
        x = runner.block(x, block)
    taps.append(x)
    return taps, runner.activate(runner.conv_norm(x, "conv_head", "bn2"))


def pooled_features(architecture: Architecture, weights: Weights, images: Tensor) -> Tensor:
    """Features (B, F) that the classifier reads: the last map, averaged over positions."""
    return feature_maps(architecture, weights, images)[1].mean((2, 3))


def stacked_features(architecture: Architecture, weights: Weights, images: Tensor) -> Tensor:
    """Features (T, B, F) of T networks, each of its own images, in one pass.

    Args:
        architecture: which network.
        weights: affine weights of the T backbones, each tensor (T, *shape).
        images: normalized pictures (T, B, 3, H, W).
    """
    side_by_side = {name: tensor.flatten(0, 1) for name, tensor in weights.items()}
    features = pooled_features(architecture, side_by_side, images.transpose(0, 1).flatten(1, 2))
    return features.view(images.shape[1], len(images), -1).transpose(0, 1)


def logits(architecture: Architecture, weights: Weights, images: Tensor) -> Tensor:
    """Class scores (B, N) of a complete network; softmax of them is the calibrated probability."""
    features = pooled_features(architecture, weights, images)
    return functional.linear(features, weights["classifier.weight"], weights["classifier.bias"])
