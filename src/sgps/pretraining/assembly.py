"""Put trained networks together into a synthesis network that has learned no task yet.

In: a recipe, the start, the network trained on everything, and the experts. Out: a `SynthesisNetwork` with base, expert
directions, a memory of classes and a lexicon.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from sgps.drawings.tasks import VALUES
from sgps.engine.config import EngineConfig
from sgps.engine.model import SynthesisNetwork
from sgps.engine.text import TextEncoder
from sgps.pretraining.cache import description_embeddings
from sgps.pretraining.config import Recipe
from sgps.pretraining.illustrate import illustrate
from sgps.pretraining.mixture import moved
from sgps.pretraining.pool import LabelSource, Pool
from sgps.pretraining.remember import known_classes, remember
from sgps.target.network import Weights
from sgps.task import Preprocessing


def assemble(
    recipe: Recipe,
    start: Weights,
    trained: Weights,
    experts: Sequence[Weights],
    *,
    pool: Pool,
    learned: Sequence[LabelSource],
    text_encoder: TextEncoder,
    on_class: Callable[[int, int], None],
    on_drawing: Callable[[int, int], None],
) -> SynthesisNetwork:
    """Move the base from the start as the recipe says, take experts as directions from it, and fill memory and lexicon.

    Of an expert that no task follows nothing is kept but what the base has of it. Reserved pictures must not be among the
    `learned`, since they pose the tasks; tasks of held-out sets may not recall their own classes.
    """
    steps = [recipe.base_step, *(expert.share for expert in recipe.experts)]
    base = moved(start, list(zip(steps, [trained, *experts], strict=True)))
    sources = [source for source in learned if not source.is_attribute]
    texts = description_embeddings(sources, text_encoder)
    followed = [(e, w) for e, w in zip(recipe.experts, experts, strict=True) if e.is_followed]
    known = known_classes(sources, texts, [expert for expert, _ in followed], recipe.held_out)
    config = EngineConfig(
        name=recipe.name,
        architecture=recipe.architecture,
        image_size=recipe.image_size,
        experts=tuple(expert.name for expert, _ in followed),
        text_width=text_encoder.encode(["width"]).shape[1],
        width=recipe.episodic.generator_width,
        expert_step=recipe.expert_step,
        known_classes=tuple(one.name for one in known),
        known_experts=tuple(one.expert for one in known),
        lexicon=VALUES if recipe.lexicon_drawings else (),
    )
    # Layers draw their first weights from torch's global generator, which is left as it was.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = SynthesisNetwork(config).to(next(iter(start.values())).device)
    network.generator.set_base(base)
    for index, (_, weights) in enumerate(followed):
        network.generator.set_direction(index, weights)
    mean, std = network.architecture.mean, network.architecture.std
    prepare = Preprocessing(image_size=recipe.image_size, mean=mean, std=std)
    remember(network, pool, sources, known, texts, prepare, on_class)
    if count := recipe.lexicon_drawings:
        illustrate(network, text_encoder, prepare, count, recipe.seed, on_drawing)
    return network
