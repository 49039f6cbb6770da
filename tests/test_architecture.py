from __future__ import annotations

import pytest
import torch
from oracles import timm
from torch import nn

from sgps.errors import InputError
from sgps.target.architecture import architecture_names, build_architecture

all_architectures = pytest.mark.parametrize("name", architecture_names())


def timm_model(name: str, num_classes: int = 5) -> nn.Module:
    with torch.device("meta"):
        return timm.create_model(name, num_classes=num_classes)


@all_architectures
def test_every_tensor_has_timms_name_and_shape(name):
    architecture = build_architecture(name)
    specs = (*architecture.parameters, *architecture.classifier_specs(5))
    ours = {spec.name: spec.shape for spec in specs}
    assert len(ours) == len(specs)
    assert ours == {key: tuple(p.shape) for key, p in timm_model(name).named_parameters()}


@all_architectures
def test_batch_norms_features_and_preprocessing_agree_with_timm(name):
    architecture = build_architecture(name)
    model = timm_model(name)
    norms = {key: m for key, m in model.named_modules() if isinstance(m, nn.BatchNorm2d)}
    assert set(architecture.norm_names) == set(norms)
    assert {norm.eps for norm in norms.values()} == {architecture.norm_eps}
    assert architecture.num_features == model.num_features
    config = model.pretrained_cfg
    if name.startswith("tf_efficientnetv2"):
        # timm's V2 weights come in two preprocessings; ours are trained with ImageNet's.
        assert architecture.mean == timm.data.IMAGENET_DEFAULT_MEAN
        assert architecture.std == timm.data.IMAGENET_DEFAULT_STD
    else:
        assert architecture.mean == tuple(config["mean"])
        assert architecture.std == tuple(config["std"])


def test_most_parameters_of_the_default_network_are_pointwise_filters():
    architecture = build_architecture("tf_efficientnetv2_b0")
    specs = (*architecture.parameters, *architecture.classifier_specs(5))
    sizes = {spec.name: torch.Size(spec.shape).numel() for spec in specs}
    pointwise = sum(sizes[spec.name] for spec in specs if spec.kind == "pointwise")
    assert len(specs) == 243
    assert sum(sizes.values()) == 5_865_109
    assert pointwise / sum(sizes.values()) == pytest.approx(0.937, abs=0.001)


def test_the_kind_of_a_tensor_follows_from_its_name_and_shape():
    kinds = {spec.name: spec.kind for spec in build_architecture("test_efficientnet").parameters}
    assert kinds["conv_stem.weight"] == "conv"
    assert kinds["blocks.1.0.conv_pwl.weight"] == "pointwise"
    assert kinds["blocks.3.0.conv_dw.weight"] == "depthwise"
    assert kinds["blocks.3.0.se.conv_reduce.bias"] == "bias"
    assert kinds["bn1.weight"] == "scale"
    assert kinds["bn1.bias"] == "shift"


def test_stages_count_from_the_stem_to_the_classifier():
    architecture = build_architecture("tf_efficientnetv2_b0")
    assert architecture.num_stages == 6
    assert architecture.stage_channels == (16, 32, 48, 96, 112, 192)
    assert architecture.parameters[0].stage == 0
    assert {spec.stage for spec in architecture.parameters} == set(range(8))
    assert {spec.stage for spec in architecture.classifier_specs(2)} == {7}


def test_an_unknown_architecture_is_refused_with_the_known_ones():
    with pytest.raises(
        InputError, match=r"^unknown architecture 'resnet50'; known are tf_eff.*\.$"
    ):
        build_architecture("resnet50")
