"""Teach the engine's lexicon: draw pictures, say what they show, and look at them with the base.

In: a `SynthesisNetwork` that holds its base. Out: the same network, its lexicon filled. Of several processes each does the same.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from sgps.drawings.tasks import KINDS, tell, value_name
from sgps.engine.model import SynthesisNetwork
from sgps.engine.text import TextEncoder
from sgps.pretraining.drawn_pool import draw_part
from sgps.pretraining.parallel import own_cpu_count, sent, spread
from sgps.target.network import pooled_features
from sgps.task import Preprocessing

_BATCH = 64
_SERIES = 10_000_000
"""Added to the seed, so that words are shown by other drawings than features were learned from."""


@torch.no_grad()
def illustrate(
    network: SynthesisNetwork,
    encoder: TextEncoder,
    prepare: Preprocessing,
    count: int,
    seed: int,
    on_done: Callable[[int, int], None],
) -> None:
    """Fill the lexicon from `count` drawings of each kind."""
    seed += _SERIES
    base, place = network.generator.base_weights(), network.lexicon.looks.device
    for first, kind in enumerate(KINDS):
        shown, texts, features = [], [], []
        numbers = range(first, first + len(KINDS) * count, len(KINDS))
        parts = [numbers[begin : begin + _BATCH] for begin in range(0, count, _BATCH)]
        calls = [(seed, part, prepare.image_size) for part in parts]
        drawn = spread(draw_part, calls, own_cpu_count())
        for part, (pictures, kinds_and_looks) in zip(parts, drawn, strict=True):
            looks = [look for _, look in kinds_and_looks]
            images = prepare.normalize(sent(pictures, place))
            shown += [[value_name(kind, *said) for said in look.items()] for look in looks]
            told = [tell(seed, i, kind, look) for i, look in zip(part, looks, strict=True)]
            texts.append(encoder.encode(told).to(place))
            features.append(pooled_features(network.architecture, base, images))
            on_done(first * count + len(shown), len(KINDS) * count)
        network.lexicon.learn(kind, shown, torch.cat(texts), torch.cat(features))
