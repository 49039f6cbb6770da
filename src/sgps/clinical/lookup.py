"""Find an entry of the catalogue by the name that a user types.

In: a name, perhaps a modality. Out: the entries of that name, or else the nearest ones.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence

from sgps.clinical.conditions import MODALITIES, Condition, conditions
from sgps.errors import InputError, listing

_LEAST_LIKENESS = 0.6
"""Share of letters that a name must have in common with another to be offered for it (difflib's ratio)."""


_VAGUE = re.compile(
    r"normal|abnormal|healthy|benign|malignant|other|others|positive|negative|control|background|unknown|none|"
    r"no findings|(grade |class |stage |type )?[0-9]+"
)
"""Names of classes that mean something only beside the others of their task."""


def refuse_modality(modality: str) -> None:
    """Stop unless the catalogue knows the modality.

    Raises:
        InputError: it does not; those that it knows are named.
    """
    if modality not in MODALITIES:
        raise InputError(
            f"the catalogue knows no modality '{modality}'. Use one of {listing(list(MODALITIES), 100)}."
        )


def find(name: str, modality: str | None = None) -> list[Condition]:
    """Entries whose key, name, synonym or class label is `name`, upper and lower case and punctuation aside.

    Entries whose own name it is come before those of which it is a synonym.

    Raises:
        InputError: there is no such modality.
    """
    wanted = _plain(name)
    ranked = [
        (rank, entry) for entry in _of(modality) if (rank := _rank(entry, wanted)) is not None
    ]
    return [entry for _, entry in sorted(ranked, key=lambda pair: (pair[0], pair[1].key))]


def nearest(name: str, modality: str | None = None, count: int = 5) -> list[Condition]:
    """Entries whose names are spelled most like `name`, the likest first; none if nothing is like it.

    Raises:
        InputError: there is no such modality.
    """
    owners: dict[str, list[Condition]] = {}
    for entry in _of(modality):
        for own in _names(entry):
            owners.setdefault(own, []).append(entry)
    wanted = _plain(name)
    close = difflib.get_close_matches(wanted, owners, n=4 * count, cutoff=_LEAST_LIKENESS)
    # A name that holds all words of the other one is near, however long the rest is.
    words = set(wanted.split())
    close += sorted(own for own in owners if words and words <= set(own.split()))
    found: dict[str, Condition] = {}
    for own in close:
        for entry in owners[own]:
            found.setdefault(entry.key, entry)
    return list(found.values())[:count]


def entries_for(names: Sequence[str], modality: str | None = None) -> dict[str, Condition]:
    """The entry of each class of a task by the class's name; classes without one are left out.

    All entries are of one modality, since a task's pictures are: the given one, or else the one in which most of the
    names have an entry; if several have as many, there is no entry at all. A name of several entries is left out, and a
    name such as "normal" or "grade 1" does not tell the modality.

    Raises:
        InputError: there is no such modality.
    """
    chosen: dict[str, dict[str, Condition]] = {}
    for name in names:
        for own, entries in _by_modality(find(name, modality)).items():
            if len(entries) == 1:
                chosen.setdefault(own, {})[name] = entries[0]
    telling = {
        own: sum(not _VAGUE.fullmatch(_plain(name)) for name in found)
        for own, found in chosen.items()
    }
    ranked = sorted(telling, key=lambda own: -telling[own])
    if not ranked or not telling[ranked[0]]:
        return {}
    if len(ranked) > 1 and telling[ranked[0]] == telling[ranked[1]]:
        return {}
    return chosen[ranked[0]]


def texts_of(entries: Mapping[str, Condition]) -> dict[str, list[str]]:
    """The descriptions of each class, from the entries that `entries_for` found."""
    return {name: list(entry.descriptions.values()) for name, entry in entries.items()}


def _by_modality(entries: Sequence[Condition]) -> dict[str, list[Condition]]:
    """Entries of each modality."""
    grouped: dict[str, list[Condition]] = {}
    for entry in entries:
        grouped.setdefault(entry.modality, []).append(entry)
    return grouped


def _plain(name: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", name.lower()))


def _names(entry: Condition) -> list[str]:
    labels = [name.partition("/")[2] for name in entry.classes]
    return [_plain(own) for own in (entry.name, entry.key, *entry.synonyms, *labels)]


def _of(modality: str | None) -> list[Condition]:
    if modality is not None:
        refuse_modality(modality)
    return [e for e in conditions().values() if modality in (None, e.modality)]


def _rank(entry: Condition, wanted: str) -> int | None:
    """0 for the entry's own name, 1 for another name of it, none if it is not called so."""
    if wanted in (_plain(entry.name), _plain(entry.key)):
        return 0
    return 1 if wanted in _names(entry) else None
