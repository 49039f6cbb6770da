"""Small things that many tests need: a tiny classifier and pictures for it, and sets to pretrain on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from pools import tiny_recipe, write_sets
from torch import Tensor

from sgps.target.architecture import build_architecture
from sgps.target.checkpoint import TargetNetwork
from sgps.target.network import initial_weights
from sgps.task import Preprocessing

SIDE = 64


def build_network(
    class_names: tuple[str, ...] = ("BCC", "MEL", "NV"), seed: int = 0
) -> TargetNetwork:
    """A `test_efficientnet` (0.1 M parameters) with drawn weights, among them its scales and shifts."""
    architecture = build_architecture("test_efficientnet")
    generator = torch.Generator().manual_seed(seed)
    weights = initial_weights(architecture, generator)
    for spec in architecture.parameters:
        if len(spec.shape) == 1:
            weights[spec.name] += 0.2 * torch.randn(spec.shape, generator=generator)
    for spec in architecture.classifier_specs(len(class_names)):
        weights[spec.name] = torch.randn(spec.shape, generator=generator)
    return TargetNetwork(
        architecture=architecture,
        weights=weights,
        class_names=class_names,
        descriptions=(
            ("a pearly papule", "a nodule with fine vessels"),
            (),
            ("a regular brown spot",),
        ),
        preprocessing=Preprocessing(image_size=SIDE, mean=architecture.mean, std=architecture.std),
        provenance={
            "engine": "drawn",
            "engine_digest": "sha256:0",
            "n_shot": {"BCC": 2, "MEL": 3, "NV": 0},
            "sgps_version": "0.1.0",
        },
    )


@pytest.fixture
def tiny_network() -> TargetNetwork:
    """Three classes, the first and last described."""
    return build_network()


@pytest.fixture
def make_network() -> Callable[..., TargetNetwork]:
    """`build_network`, for tests that need several."""
    return build_network


@pytest.fixture
def pictures() -> Tensor:
    """Five drawn pictures of the tiny network's size, uint8."""
    generator = torch.Generator().manual_seed(1)
    shape = (5, 3, SIDE, SIDE)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Four small drawn sets to pretrain on, one of them to hold out, one with dev classes only; and a start."""
    folder = tmp_path_factory.mktemp("sets")
    write_sets(folder)
    return folder


@pytest.fixture(scope="session")
def recipe(folder):
    """A recipe over these sets whose every stage has a few steps."""
    return tiny_recipe(folder)
