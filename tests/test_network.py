from __future__ import annotations

import pytest
import torch
from oracles import timm
from torch import Tensor, nn
from torch.nn import functional

from sgps.target.architecture import Architecture, architecture_names, build_architecture
from sgps.target.network import (
    feature_maps,
    fold_batch_norm,
    initial_weights,
    logits,
    pooled_features,
    stacked_features,
    unfold_batch_norm,
)

TINY = build_architecture("test_efficientnet")


def drawn_images(count: int, side: int) -> Tensor:
    """Pictures with coarse structure, as photographs have; plain noise averages out on the way."""
    generator = torch.Generator().manual_seed(2)
    coarse = torch.randn(count, 3, 8, 8, generator=generator)
    fine = torch.randn(count, 3, side, side, generator=generator)
    return functional.interpolate(coarse, size=side, mode="bicubic") + 0.3 * fine


def lively_model(name: str, images: Tensor) -> nn.Module:
    """timm's network with drawn weights, whose batch norms hold the statistics of `images`.

    Under any other statistics a deep network with drawn weights dies out or overflows, and comparing means nothing.
    """
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=3)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)
    with torch.no_grad():
        model.train()(images)
    return model.eval().requires_grad_(False)


def folded(model: nn.Module, architecture: Architecture) -> dict[str, Tensor]:
    state = model.state_dict()
    classifier = {spec.name: state[spec.name] for spec in architecture.classifier_specs(3)}
    return fold_batch_norm(state, architecture) | classifier


@pytest.mark.parametrize("name", architecture_names())
def test_logits_equal_timms(name):
    # 75 px halve to 38, 19, 10, 5 and 3: SAME padding meets odd and even sides. In float64, because drawn weights
    # amplify float32's rounding and an error of ours has to stand out.
    images = drawn_images(8, 75)
    model = lively_model(name, images).double()
    architecture = build_architecture(name)
    ours = logits(architecture, folded(model, architecture), images[:2].double())
    theirs = model(images[:2].double())
    assert theirs.std() > 0.1
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


def test_logits_equal_timms_in_single_precision():
    images = drawn_images(8, 96)
    model = lively_model("tf_efficientnetv2_b0", images)
    architecture = build_architecture("tf_efficientnetv2_b0")
    ours = logits(architecture, folded(model, architecture), images)
    torch.testing.assert_close(ours, model(images), rtol=1e-4, atol=1e-4)


def test_stage_outputs_and_pooled_features_equal_timms():
    images = drawn_images(8, 96)
    model = lively_model("test_efficientnet", images)
    weights = folded(model, TINY)
    taps, last = feature_maps(TINY, weights, images)
    theirs = [model.bn1(model.conv_stem(images))]
    for stage in model.blocks:
        theirs.append(stage(theirs[-1]))
    assert [tap.shape[1] for tap in taps] == list(TINY.stage_channels)
    for ours, tap in zip(taps, theirs[1:], strict=True):
        torch.testing.assert_close(ours, tap, rtol=1e-4, atol=1e-4)
    pooled = pooled_features(TINY, weights, images)
    torch.testing.assert_close(pooled, last.mean((2, 3)))
    torch.testing.assert_close(
        pooled,
        model.forward_head(model.forward_features(images), pre_logits=True),
        rtol=1e-4,
        atol=1e-4,
    )


def test_folding_undoes_unfolding_exactly(tiny_network):
    back = fold_batch_norm(
        unfold_batch_norm(tiny_network.weights, tiny_network.architecture),
        tiny_network.architecture,
    )
    for spec in tiny_network.architecture.parameters:
        assert torch.equal(back[spec.name], tiny_network.weights[spec.name])


def test_an_unfolded_state_dict_loads_strictly_into_timm(tiny_network):
    state = unfold_batch_norm(tiny_network.weights, tiny_network.architecture)
    model = timm.create_model("test_efficientnet", num_classes=3).eval()
    model.load_state_dict(state, strict=True)
    images = drawn_images(2, 64)
    ours = logits(tiny_network.architecture, tiny_network.weights, images)
    with torch.no_grad():
        torch.testing.assert_close(ours, model(images), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "names",
    [
        ["bn1.bias", "blocks.0.0.bn1.weight"],
        ["blocks.3.0.se.conv_reduce.weight", "blocks.3.0.se.conv_expand.bias"],
        ["classifier.weight", "classifier.bias"],
        ["conv_stem.weight", "blocks.2.0.conv_pwl.weight", "blocks.4.0.conv_dw.weight"],
    ],
    ids=["norms", "squeeze-excite", "classifier", "filters"],
)
def test_gradients_with_respect_to_weights_are_right(tiny_network, names):
    weights = {name: tensor.double() for name, tensor in tiny_network.weights.items()}
    images = drawn_images(2, 32).double()

    def run(*chosen: Tensor) -> Tensor:
        return logits(TINY, weights | dict(zip(names, chosen, strict=True)), images)

    inputs = tuple(weights[name].requires_grad_() for name in names)
    # The fast mode projects the Jacobian on random directions: enough to catch a wrong one, in seconds.
    assert torch.autograd.gradcheck(run, inputs, fast_mode=True)


def test_every_weight_has_a_gradient(tiny_network):
    weights = {name: t.clone().requires_grad_() for name, t in tiny_network.weights.items()}
    logits(TINY, weights, drawn_images(2, 64)).square().sum().backward()
    without = [name for name, t in weights.items() if t.grad is None or not t.grad.abs().sum() > 0]
    assert without == []


def test_a_picture_scores_the_same_in_any_company(tiny_network):
    images = drawn_images(4, 64)
    together = logits(TINY, tiny_network.weights, images)
    alone = torch.cat([logits(TINY, tiny_network.weights, image[None]) for image in images])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", architecture_names())
def test_networks_side_by_side_have_the_features_of_each_alone(name):
    architecture = build_architecture(name)
    images = drawn_images(6, 75).double()
    models = [lively_model(name, images[start:].float()).double() for start in (0, 2)]
    weights = [folded(model, architecture) for model in models]
    backbones = {
        spec.name: torch.stack([w[spec.name] for w in weights]) for spec in architecture.parameters
    }
    parts = torch.stack([images[:2], images[3:5]])
    found = stacked_features(architecture, backbones, parts)
    for features, own, shown in zip(found, weights, parts, strict=True):
        alone = pooled_features(architecture, own, shown)
        assert alone.std() > 0.1
        torch.testing.assert_close(features, alone, rtol=0, atol=1e-9)


def test_initial_weights_depend_on_the_generator_alone():
    def draw(seed: int) -> dict[str, Tensor]:
        return initial_weights(TINY, torch.Generator().manual_seed(seed))

    first, second, other = draw(0), draw(0), draw(1)
    assert {name: tuple(t.shape) for name, t in first.items()} == {
        spec.name: spec.shape for spec in TINY.parameters
    }
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["conv_stem.weight"], other["conv_stem.weight"])
