"""Write descriptions from attributes, in varied words and order.

In: attributes of the vocabulary, and a generator of random numbers. Out: sentences that state every one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from sgps.clinical.conditions import ATTRIBUTES, vocabulary
from sgps.clinical.reading import BORDER_NOUNS, denies, read

_SUBJECTS = ("lesion", "finding", "area", "structure")
_VERBS = ("with", "showing", "marked by")
_NOUNS = {
    "color": ("color", "in color"),
    "shape": ("shape", "in shape"),
    "border": BORDER_NOUNS[:4],
    "texture": ("texture", "texture inside"),
    "distribution": ("distribution", "arrangement"),
}


def write(attributes: Mapping[str, Sequence[str]], rng: np.random.Generator) -> str:
    """One description that states every value given.

    Values are told by a form of the vocabulary that is drawn for each, so that the same attributes give many texts.

    Args:
        attributes: attribute to values of the vocabulary.
        rng: decides words and order.
    """
    said = {
        name: [str(rng.choice(_forms(name, value))) for value in attributes[name]]
        for name in ATTRIBUTES
        if attributes.get(name)
    }
    size = [_joined(said.pop("size"), rng)] if "size" in said else []
    subject = " ".join([*size, str(rng.choice(_SUBJECTS))])
    order = [str(name) for name in rng.permutation(list(said))]
    parts = [f"{_joined(said[name], rng)} {rng.choice(_NOUNS[name])}" for name in order]
    listed = "; ".join(parts)
    sentence = subject
    if parts and rng.random() < 0.5:
        sentence = f"{subject} {rng.choice(_VERBS)} {listed}"
    elif parts:
        sentence = f"{listed}: {subject}"
    return f"{sentence[0].upper()}{sentence[1:]}."


@cache
def _forms(attribute: str, value: str) -> tuple[str, ...]:
    """Forms of a value that, beside the attribute's noun, are read as it and as nothing else, and deny nothing."""
    noun = _NOUNS.get(attribute, ("",))[0]
    own = vocabulary()[attribute].values[value]
    return tuple(
        form for form in own if read(f"{form} {noun}") == {attribute: (value,)} and not denies(form)
    )


def _joined(words: Sequence[str], rng: np.random.Generator) -> str:
    ordered = [str(word) for word in rng.permutation(list(words))]
    return " and ".join(filter(None, [", ".join(ordered[:-1]), ordered[-1]]))
