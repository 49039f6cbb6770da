"""Describe the EfficientNet family as data: every block, and every parameter tensor under timm's names.

In: an architecture name. Out: an `Architecture` whose `blocks` drive the functional forward in `network.py` and whose
`parameters` (a table of `ParameterSpec`) tells the weight generator what to write. Nothing here holds a weight.

Sources: Tan & Le, "EfficientNetV2" (arXiv 2104.00298) for V2; the EfficientNet-Lite release notes for the Lite nets, which
serve only as comparison backbones. Names and defaults follow timm, so that a state dict moves between the two unchanged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Literal

from sgps.errors import InputError

BlockKind = Literal["conv", "edge", "inverted", "separable"]
ParameterKind = Literal["conv", "pointwise", "depthwise", "scale", "shift", "bias", "head"]


@dataclass(frozen=True, kw_only=True)
class ParameterSpec:
    """One parameter tensor of the target network."""

    name: str
    """timm's state-dict key."""
    shape: tuple[int, ...]
    """Shape of the tensor; output channels come first."""
    kind: ParameterKind
    """What the tensor does: `scale` and `shift` are the two halves of a batch norm written as an affine map."""
    stage: int
    """0 is the stem, 1 to n the block stages, n + 1 the last convolution and the classifier."""
    depth: int
    """Index of the block within its stage."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """One block: what `network.py` needs to run it."""

    name: str
    kind: BlockKind
    stage: int
    depth: int
    kernel: int
    stride: int
    channels_in: int
    channels_mid: int
    channels_out: int
    squeeze: int
    """Width of the squeeze-and-excitation bottleneck; 0 where the block has none."""
    skip: bool


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """One member of the family, complete."""

    name: str
    blocks: tuple[Block, ...]
    stem_channels: int
    num_features: int
    """Length of the pooled feature vector that the classifier reads."""
    activation: Literal["silu", "relu6"]
    same_padding: bool
    """TensorFlow's SAME padding (asymmetric at stride 2), as all `tf_` models use."""
    norm_eps: float
    """Batch norm's epsilon; decides the `running_var` that makes an exported batch norm a plain affine map."""
    mean: tuple[float, float, float]
    """Per-channel mean of RGB in [0, 1] that the pretrained weights expect."""
    std: tuple[float, float, float]
    parameters: tuple[ParameterSpec, ...]
    """Every tensor of the backbone; the classifier's two depend on the task and come from `classifier_specs`."""

    @property
    def num_stages(self) -> int:
        """Number of block stages."""
        return self.blocks[-1].stage

    @property
    def stage_channels(self) -> tuple[int, ...]:
        """Channels at the end of each block stage."""
        last = {block.stage: block.channels_out for block in self.blocks}
        return tuple(last[stage] for stage in sorted(last))

    @property
    def norm_names(self) -> tuple[str, ...]:
        """Names of the batch norms, without `.weight` and `.bias`."""
        return tuple(p.name.removesuffix(".weight") for p in self.parameters if p.kind == "scale")

    def classifier_specs(self, num_classes: int) -> tuple[ParameterSpec, ParameterSpec]:
        """The classifier's weight `(num_classes, num_features)` and bias `(num_classes,)`."""
        stage = self.num_stages + 1
        return (
            ParameterSpec(
                name="classifier.weight",
                shape=(num_classes, self.num_features),
                kind="head",
                stage=stage,
                depth=1,
            ),
            ParameterSpec(
                name="classifier.bias", shape=(num_classes,), kind="head", stage=stage, depth=1
            ),
        )


@dataclass(frozen=True, kw_only=True)
class _Stage:
    """One line of an architecture's definition, before multipliers."""

    kind: BlockKind
    repeats: int
    kernel: int
    stride: int
    expand: int
    channels: int
    squeeze_ratio: float = 0.0


def _stages(kinds: str, rows: list[tuple[int, int, int, int, int]], squeeze: float) -> list[_Stage]:
    """Spell out rows of (repeats, kernel, stride, expand, channels); only inverted V2 blocks squeeze."""
    names: dict[str, BlockKind] = {
        "c": "conv",
        "e": "edge",
        "i": "inverted",
        "s": "separable",
    }
    return [
        _Stage(
            kind=names[letter],
            repeats=repeats,
            kernel=kernel,
            stride=stride,
            expand=expand,
            channels=channels,
            squeeze_ratio=squeeze if letter == "i" else 0.0,
        )
        for letter, (repeats, kernel, stride, expand, channels) in zip(kinds, rows, strict=True)
    ]


_V2_BASE = _stages(
    "ceeiii",
    [
        (1, 3, 1, 1, 16),
        (2, 3, 2, 4, 32),
        (2, 3, 2, 4, 48),
        (3, 3, 2, 4, 96),
        (5, 3, 1, 6, 112),
        (8, 3, 2, 6, 192),
    ],
    squeeze=0.25,
)
_V2_S = _stages(
    "ceeiii",
    [
        (2, 3, 1, 1, 24),
        (4, 3, 2, 4, 48),
        (4, 3, 2, 4, 64),
        (6, 3, 2, 4, 128),
        (9, 3, 1, 6, 160),
        (15, 3, 2, 6, 256),
    ],
    squeeze=0.25,
)
_TINY = _stages(
    "ceeii",
    [(1, 3, 1, 1, 16), (1, 3, 2, 4, 24), (1, 3, 2, 4, 32), (1, 3, 2, 4, 48), (1, 3, 2, 4, 64)],
    squeeze=0.25,
)
_LITE = _stages(
    "siiiiii",
    [
        (1, 3, 1, 1, 16),
        (2, 3, 2, 6, 24),
        (2, 5, 2, 6, 40),
        (3, 3, 2, 6, 80),
        (3, 5, 1, 6, 112),
        (4, 5, 2, 6, 192),
        (1, 3, 1, 6, 320),
    ],
    squeeze=0.0,
)


@dataclass(frozen=True, kw_only=True)
class _Variant:
    """How one named network scales its definition."""

    stages: list[_Stage]
    width: float = 1.0
    depth: float = 1.0
    stem: int = 32
    features: int = 1280
    round_limit: float = 0.0
    lite: bool = False
    """EfficientNet-Lite: ReLU6, fixed stem and head, first and last stage never repeated, mean = std = 0.5."""
    tensorflow: bool = True


_VARIANTS: dict[str, _Variant] = {
    "tf_efficientnetv2_b0": _Variant(stages=_V2_BASE),
    "tf_efficientnetv2_b1": _Variant(stages=_V2_BASE, depth=1.1),
    "tf_efficientnetv2_b2": _Variant(stages=_V2_BASE, width=1.1, depth=1.2),
    "tf_efficientnetv2_b3": _Variant(stages=_V2_BASE, width=1.2, depth=1.4),
    "tf_efficientnetv2_s": _Variant(stages=_V2_S, stem=24, round_limit=0.9),
    "tf_efficientnet_lite0": _Variant(stages=_LITE, round_limit=0.9, lite=True),
    "tf_efficientnet_lite2": _Variant(
        stages=_LITE, width=1.1, depth=1.2, round_limit=0.9, lite=True
    ),
    "test_efficientnet": _Variant(stages=_TINY, stem=24, features=256, tensorflow=False),
}

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)
_HALF = (0.5, 0.5, 0.5)


def architecture_names() -> tuple[str, ...]:
    """Names that `build_architecture` accepts."""
    return tuple(_VARIANTS)


def _round_channels(channels: float, limit: float) -> int:
    """Round to a multiple of 8, never losing more than `1 - limit` of the width (timm's rule)."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < limit * channels else rounded


def _make_blocks(variant: _Variant, stem: int) -> tuple[Block, ...]:
    blocks: list[Block] = []
    channels = stem
    last = len(variant.stages) - 1
    for index, stage in enumerate(variant.stages):
        fixed = variant.lite and index in (0, last)
        repeats = stage.repeats if fixed else math.ceil(stage.repeats * variant.depth)
        width = _round_channels(stage.channels * variant.width, variant.round_limit)
        for depth in range(repeats):
            stride = stage.stride if depth == 0 else 1
            blocks.append(
                Block(
                    name=f"blocks.{index}.{depth}",
                    kind=stage.kind,
                    stage=index + 1,
                    depth=depth,
                    kernel=stage.kernel,
                    stride=stride,
                    channels_in=channels,
                    channels_mid=_round_channels(channels * stage.expand, 0.9),
                    channels_out=width,
                    squeeze=round(channels * stage.squeeze_ratio),
                    skip=stride == 1 and channels == width,
                )
            )
            channels = width
    return tuple(blocks)


def _norm(name: str, channels: int, stage: int, depth: int) -> list[ParameterSpec]:
    return [
        ParameterSpec(
            name=f"{name}.weight", shape=(channels,), kind="scale", stage=stage, depth=depth
        ),
        ParameterSpec(
            name=f"{name}.bias", shape=(channels,), kind="shift", stage=stage, depth=depth
        ),
    ]


def _conv(name: str, shape: tuple[int, int, int, int], stage: int, depth: int) -> ParameterSpec:
    kind: ParameterKind = "conv"
    if shape[2] == 1:
        kind = "pointwise"
    elif shape[1] == 1:
        kind = "depthwise"
    return ParameterSpec(name=f"{name}.weight", shape=shape, kind=kind, stage=stage, depth=depth)


def _block_parameters(block: Block) -> list[ParameterSpec]:
    name, stage, depth = block.name, block.stage, block.depth
    c_in, mid, out, k = block.channels_in, block.channels_mid, block.channels_out, block.kernel

    def conv(part: str, *shape: int) -> ParameterSpec:
        return _conv(f"{name}.{part}", (shape[0], shape[1], shape[2], shape[2]), stage, depth)

    def norm(part: str, channels: int) -> list[ParameterSpec]:
        return _norm(f"{name}.{part}", channels, stage, depth)

    if block.kind == "conv":
        return [conv("conv", out, c_in, k), *norm("bn1", out)]
    if block.kind == "edge":
        expand = [conv("conv_exp", mid, c_in, k), *norm("bn1", mid)]
        return [*expand, conv("conv_pwl", out, mid, 1), *norm("bn2", out)]
    if block.kind == "separable":
        depthwise = [conv("conv_dw", c_in, 1, k), *norm("bn1", c_in)]
        return [*depthwise, conv("conv_pw", out, c_in, 1), *norm("bn2", out)]
    specs = [conv("conv_pw", mid, c_in, 1), *norm("bn1", mid)]
    specs += [conv("conv_dw", mid, 1, k), *norm("bn2", mid)]
    if block.squeeze:
        for part, rows, columns in (
            ("conv_reduce", block.squeeze, mid),
            ("conv_expand", mid, block.squeeze),
        ):
            specs.append(conv(f"se.{part}", rows, columns, 1))
            specs.append(
                ParameterSpec(
                    name=f"{name}.se.{part}.bias",
                    shape=(rows,),
                    kind="bias",
                    stage=stage,
                    depth=depth,
                )
            )
    return [*specs, conv("conv_pwl", out, mid, 1), *norm("bn3", out)]


@cache
def build_architecture(name: str) -> Architecture:
    """Look an architecture up by timm's name.

    Raises:
        InputError: the name is unknown; the message lists the known ones.
    """
    variant = _VARIANTS.get(name)
    if variant is None:
        known = ", ".join(_VARIANTS)
        raise InputError(f"unknown architecture '{name}'; known are {known}.")
    lite_or_base = 1.0 if variant.lite else variant.width
    stem = _round_channels(variant.stem * lite_or_base, variant.round_limit)
    features = _round_channels(variant.features * lite_or_base, variant.round_limit)
    blocks = _make_blocks(variant, stem)
    last_stage = blocks[-1].stage + 1
    parameters = [_conv("conv_stem", (stem, 3, 3, 3), 0, 0), *_norm("bn1", stem, 0, 0)]
    for block in blocks:
        parameters += _block_parameters(block)
    parameters.append(_conv("conv_head", (features, blocks[-1].channels_out, 1, 1), last_stage, 0))
    parameters += _norm("bn2", features, last_stage, 0)
    return Architecture(
        name=name,
        blocks=blocks,
        stem_channels=stem,
        num_features=features,
        activation="relu6" if variant.lite else "silu",
        same_padding=variant.tensorflow,
        norm_eps=1e-3 if variant.tensorflow else 1e-5,
        mean=_HALF if variant.lite else _IMAGENET_MEAN,
        std=_HALF if variant.lite else _IMAGENET_STD,
        parameters=tuple(parameters),
    )
