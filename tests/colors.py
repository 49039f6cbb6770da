"""Drawn pictures of three colors, and an engine and a peer that are quick enough to be benchmarked in a test."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image
from problems import drawn_peer

from sgps.evaluation.benchmark import EpisodePlan
from sgps.evaluation.sets import describe, read_benchmark_set
from sgps.task import Preprocessing, SupportSet

SIDE = 32
COLORS = {"amber": (200, 140, 60), "blue": (60, 60, 190), "green": (60, 170, 60)}
TEXTS = {name: (f"it is {name}", f"{name} all over") for name in COLORS}
PLAN = EpisodePlan(shot=2, query=3, episodes=6)
FIGURES = {
    *("accuracy", "ci95", "balanced_accuracy", "macro_auc", "ece", "nll", "seconds_per_task"),
    *("selective_accuracy", "brier", "ood_auroc", "isic_balanced_accuracy", "intervals"),
    *("seconds_to_classifier", "ms_per_image", "size_bytes", "episodes", "semi_supervised"),
}
"""Keys of a method's block, the recalls of a single set aside."""
SECONDS = ("seconds_per_task", "seconds_to_classifier", "ms_per_image")
"""Keys that differ from run to run."""


def without_seconds(result):
    """A result without what differs from run to run, however deep."""
    if isinstance(result, dict):
        return {key: without_seconds(value) for key, value in result.items() if key not in SECONDS}
    return result


class Network:
    """Softmax of minus the distance to each class's mean color."""

    def __init__(self, support):
        colors = mean_colors(support.images)
        self.means = torch.stack(
            [colors[support.labels == label].mean(0) for label in range(support.num_classes)]
        )
        self.weights = {"means": self.means}

    def probabilities(self, images):
        return (-20 * torch.cdist(mean_colors(images), self.means)).softmax(1)


class Asked(NamedTuple):
    """What an engine was given."""

    support: SupportSet
    condition_on: tuple[SupportSet, ...]
    without: tuple[str, ...]
    hidden_set: str | None


class ColorEngine:
    """Stands for an engine, and remembers what it was asked."""

    BASE_BYTES = 36
    digest = "colors"
    preprocessing = Preprocessing(image_size=SIDE, mean=(0, 0, 0), std=(1, 1, 1))

    def __init__(self):
        self.asked = []
        self.placed = []

    def synthesize(self, support, *, condition_on=(), without=(), hidden_set=None):
        self.asked.append(Asked(support, tuple(condition_on), tuple(without), hidden_set))
        if len(support.images):
            return Network(support)
        return Network(replace(support, images=in_words(support), labels=torch.arange(3)))

    def base_network(self):
        tiny = drawn_peer(side=SIDE)
        return tiny.architecture, tiny.weights

    def base_features(self, images):
        return mean_colors(images)

    def joined_features(self, images):
        return torch.cat([mean_colors(images), mean_colors(images) ** 2], dim=1)

    def text_features(self, descriptions):
        """The color that a class is called by."""
        self.placed.append(descriptions)
        named = [
            next(color for name, color in COLORS.items() if name in own[0]) for own in descriptions
        ]
        return torch.tensor(named) / 255

    def backbone_bytes(self, source):
        return self.BASE_BYTES * (2 if source == "engine" else 1)

    def to(self, _device):
        return self


def in_words(support):
    """One picture (3, 3, 1, 1) a class, of the color that it is called by, gray if by none."""
    gray = (128, 128, 128)
    named = [
        next((color for name, color in COLORS.items() if name in own[0]), gray)
        for own in support.descriptions
    ]
    return torch.tensor(named, dtype=torch.uint8)[:, :, None, None]


def mean_colors(images):
    return images.float().mean((2, 3)) / 255


def draw_folder(folder, per_class=12, seed=0):
    """Noisy pictures of one color a class."""
    rng = np.random.default_rng(seed)
    for name, color in COLORS.items():
        (folder / name).mkdir(parents=True)
        for number in range(per_class):
            pixels = np.asarray(color) + rng.normal(0, 12, 3) + rng.normal(0, 40, (SIDE, SIDE, 3))
            image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
            image.save(folder / name / f"{number:02}.png")
    return folder


@pytest.fixture(scope="module", autouse=True)
def brief_tuning():
    """Three steps instead of ten or thirty."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sgps.evaluation.tuning.FINETUNE_STEPS", 3)
        patch.setattr("sgps.evaluation.tuning.PROTOKD_STEPS", 3)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return draw_folder(tmp_path_factory.mktemp("data") / "colors")


@pytest.fixture(scope="module")
def colors(folder):
    return describe([read_benchmark_set(folder)], TEXTS)[0]


@pytest.fixture(scope="module")
def peer():
    return drawn_peer(side=SIDE)


@pytest.fixture(scope="module")
def pip_peers():
    """Small networks in place of those that wheels bring; gives what was loaded."""
    loaded = []

    def load(name, size):
        loaded.append((name, size))
        return drawn_peer(side=size)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sgps.evaluation.networks.load_peer", load)
        yield loaded


@pytest.fixture
def engine():
    return ColorEngine()
