"""A tiny engine for tests: real code throughout, on the 0.1 M-parameter network, with random base and experts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from sgps.engine.config import EngineConfig
from sgps.engine.description_encoder import DescriptionEncoder
from sgps.engine.engine import Engine
from sgps.engine.model import SynthesisNetwork
from sgps.engine.text import TextEncoder
from sgps.target.network import initial_weights, pooled_features
from sgps.target.typicality import PERCENTILES
from sgps.task import SupportSet

SIZE = 32
TEXT_WIDTH = 12
DESCRIPTION_WIDTH = 495
"""Width of the encoder of descriptions that comes with the package."""
KNOWN = ("colors/green", "colors/blue", "cells/round", "cells/long")
"""Classes that the tiny engine's memory holds; the first two are described as those of `colored_support`."""
LEXICON = ("patch/color/blue", "patch/color/green", "patch/color/red")
"""Values of the tiny engine's lexicon, taught by pictures as `colored_support` draws them."""


class HashedText:
    """Stands in for the sentence encoder: equal texts get equal embeddings, different ones different."""

    def encode(self, texts: Sequence[str]) -> Tensor:
        rows = []
        for text in texts:
            seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
            rows.append(torch.randn(TEXT_WIDTH, generator=torch.Generator().manual_seed(seed)))
        return torch.nn.functional.normalize(torch.stack(rows), dim=1)


def tiny_network(
    trained: bool = True,
    seed: int = 0,
    text_width: int = TEXT_WIDTH,
    known: tuple[str, ...] = KNOWN,
) -> SynthesisNetwork:
    """A tiny synthesis network; `trained` moves the heads away from zero, as pretraining would."""
    config = EngineConfig(
        name="tiny",
        architecture="test_efficientnet",
        image_size=SIZE,
        experts=("first", "second"),
        tapped_stages=(3, 5),
        text_width=text_width,
        width=16,
        heads=2,
        layers=1,
        rank=2,
        views=2,
        known_classes=known,
        known_experts=(0, 0, 1, -1),
        lexicon=LEXICON,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = SynthesisNetwork(config)
        generator = torch.Generator().manual_seed(seed)
        base = initial_weights(network.architecture, generator)
        # Scales near one and shifts near zero, but not exactly: every tensor must be able to change.
        base = {
            name: t + 0.05 * torch.randn(t.shape, generator=generator) if t.ndim == 1 else t
            for name, t in base.items()
        }
        network.generator.set_base(base)
        for index in range(2):
            expert = {
                name: t + 0.1 * torch.randn(t.shape, generator=generator) * (t.std() + 0.01)
                for name, t in base.items()
            }
            network.generator.set_direction(index, expert)
        if trained:
            fill_memory(network)
            fill_lexicon(network)
            network.typicality.line.copy_(torch.tensor([0.0, 1.0]))
            network.typicality.percentiles.copy_(torch.linspace(-0.5, 0.5, PERCENTILES))
            for head in (network.generator.expert_head, network.generator.scale_head):
                torch.nn.init.normal_(head.weight, std=0.2)
    return network


def texts_of(name: str) -> tuple[str, str]:
    """Descriptions of a class of `colored_support`."""
    return f"a {name} field", f"{name} all over"


def fill_memory(network: SynthesisNetwork) -> None:
    """Let the memory know two colors, by pictures as `colored_support` draws them, and two classes of another set."""
    text = _texts(network, [name.partition("/")[2] for name in KNOWN])
    blue, green = (own.mean(0) for own in _color_features(network, (8, 8)).split(8))
    means = torch.stack([green, blue, -green, 0.5 * green])
    network.memory.remember(text, means, 1.1 * means)


def fill_lexicon(network: SynthesisNetwork) -> None:
    """Teach the lexicon how the three colors are called and how they look."""
    shown = [[value] for value in LEXICON for _ in range(8)]
    text = _texts(network, [value.rpartition("/")[2] for value in LEXICON])
    features = _color_features(network, (8, 8, 8))
    network.lexicon.learn("patch", shown, text.repeat_interleave(8, 0), features)


def _texts(network: SynthesisNetwork, names: Sequence[str]) -> Tensor:
    """Mean embedding of the descriptions of each name."""
    is_tiny = network.config.text_width == TEXT_WIDTH
    encoder: TextEncoder = HashedText() if is_tiny else DescriptionEncoder()
    return torch.stack([encoder.encode(texts_of(name)).mean(0) for name in names])


@torch.no_grad()
def _color_features(network: SynthesisNetwork, shots: Sequence[int]) -> Tensor:
    """Base features of pictures as `colored_support` draws them."""
    images = Engine(network).preprocessing.normalize(colored_support(shots, seed=9).images)
    return pooled_features(network.architecture, network.generator.base_weights(), images)


def tiny_engine(trained: bool = True, seed: int = 0) -> Engine:
    return Engine(tiny_network(trained, seed), "tiny-digest", text_encoder=HashedText())


def save_tiny_engine(folder: Path) -> Path:
    """Write an engine that commands load from a folder; it reads texts with the real encoder."""
    Engine(tiny_network(text_width=DESCRIPTION_WIDTH)).save_pretrained(folder, "# Tiny engine\n")
    return folder


def colored_support(
    shots: Sequence[int] = (3, 3, 3), seed: int = 0, described: Sequence[bool] = (True,) * 3
) -> SupportSet:
    """Noisy pictures whose class is their main color."""
    names = ("blue", "green", "red")[: len(shots)]
    generator = torch.Generator().manual_seed(seed)
    labels = torch.tensor(
        [c for c, shot in enumerate(shots) for _ in range(shot)], dtype=torch.int64
    )
    images = torch.randint(0, 120, (len(labels), 3, SIZE, SIZE), generator=generator)
    for row, label in enumerate(labels.tolist()):
        images[row, 2 - label] += 100
    return SupportSet(
        images=images.to(torch.uint8),
        labels=labels,
        class_names=names,
        descriptions=tuple(
            texts_of(name) if has_text else ()
            for name, has_text in zip(names, described, strict=False)
        ),
    )


def as_pictures(support: SupportSet) -> tuple[list[Image.Image], list[str]]:
    """The pictures of a support set as PIL images, and the name of each one's class."""
    arrays = support.images.permute(0, 2, 3, 1).numpy()
    names = [support.class_names[label] for label in support.labels.tolist()]
    return [Image.fromarray(array) for array in arrays], names
