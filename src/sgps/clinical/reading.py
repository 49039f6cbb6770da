"""Read attributes back from free text, and tell what descriptions lack to tell classes apart.

In: texts. Out: the values of the vocabulary that they state; for a set of classes, coverage, contradictions and gaps.
A form counts where it stands as whole words, in singular or plural, unless the words just before it deny it. A form that
several attributes have ("smooth") is told by what it stands beside: a border, or something else.

Source: structure and text checked against each other, after STAR, arXiv 2305.15090.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations

from sgps.clinical.conditions import ATTRIBUTES, vocabulary

_DENIALS = r"(?:no|not|without|lacks?|lacking|never|neither|nor|absent|free of|absence of|unlike|rather than)"
_DENIED = re.compile(rf"\b{_DENIALS}\b(?:[\s-]+[\w-]+){{0,3}}[\s-]*$")
"""A denial with up to three words between it and the form; a comma or a full stop ends its reach."""

BORDER_NOUNS = (
    *("border", "margin", "outline", "edge", "contour", "rim"),
    *("wall", "limit", "membrane", "boundary", "boundarie"),
)
"""Words that make what stands beside them a statement about the border; with an s, where there are several."""
_BORDERS = rf"(?:{'|'.join(BORDER_NOUNS)})s?"
_BORDER_AFTER = re.compile(rf"^(?:[\s,-]+(?:and\s+)?[\w-]+){{0,2}}[\s-]+{_BORDERS}\b")
_BORDER_BEFORE = re.compile(rf"\b{_BORDERS}\s+(?:is|are|looks?)\s+(?:[\w-]+[\s,]+){{0,2}}$")

_ROUND_AFTER = re.compile(
    r"^[\s,]+(?:and\s+)?(?:round|oval|circular|spherical|sharp|distinct|well-defined|clear-cut)\b"
)
"""What is smooth and round, or smooth and distinct, is so at its border."""

Reading = Mapping[str, tuple[str, ...]]
"""Attribute to the values that a text states, in the vocabulary's order."""


def denies(text: str) -> bool:
    """Tell whether a text would deny what follows it."""
    return bool(re.search(rf"\b{_DENIALS}\b", text))


def read(text: str) -> Reading:
    """Values of each attribute that a text states; an attribute without any is left out."""
    lowered = text.lower()
    found = {}
    for attribute in ATTRIBUTES:
        values = _values(attribute, lowered)
        if values:
            found[attribute] = values
    return found


@dataclass(frozen=True, kw_only=True)
class ClassCheck:
    """What the descriptions of one class state."""

    name: str
    stated: Reading
    missing: tuple[str, ...]
    """Attributes that no description states."""
    contradictions: tuple[tuple[str, str, str], ...]
    """(attribute, value, value) of values stated at once that one lesion does not show at the same place."""


@dataclass(frozen=True, kw_only=True)
class PairCheck:
    """What tells two classes apart by their descriptions."""

    first: str
    second: str
    differs: tuple[str, ...]
    """Attributes that both state, with no value in common."""
    unclear: tuple[str, ...]
    """Attributes that only one of the two states: stating the other's would tell whether they differ."""


def check_class(name: str, texts: Sequence[str]) -> ClassCheck:
    """Read all descriptions of a class together."""
    stated: dict[str, tuple[str, ...]] = {}
    readings = [read(text) for text in texts]
    for attribute in ATTRIBUTES:
        values = {value for reading in readings for value in reading.get(attribute, ())}
        if values:
            stated[attribute] = tuple(v for v in vocabulary()[attribute].values if v in values)
    contradictions = tuple(
        (attribute, first, second)
        for attribute, values in stated.items()
        for first, second in vocabulary()[attribute].opposites
        if first in values and second in values
    )
    return ClassCheck(
        name=name,
        stated=stated,
        missing=tuple(attribute for attribute in ATTRIBUTES if attribute not in stated),
        contradictions=contradictions,
    )


def check_pairs(classes: Sequence[ClassCheck]) -> list[PairCheck]:
    """Compare every two classes."""
    pairs = []
    for one, other in combinations(classes, 2):
        both = [a for a in ATTRIBUTES if a in one.stated and a in other.stated]
        either = [a for a in ATTRIBUTES if (a in one.stated) != (a in other.stated)]
        differs = [a for a in both if not set(one.stated[a]) & set(other.stated[a])]
        pairs.append(
            PairCheck(
                first=one.name, second=other.name, differs=tuple(differs), unclear=tuple(either)
            )
        )
    return pairs


def _values(attribute: str, text: str) -> tuple[str, ...]:
    pattern, owners = _pattern(attribute)
    if attribute == "color":
        text = _split_colors(text)
    found = set()
    # The longest form wins where several begin: "blue-white" says blue, not white.
    for match in pattern.finditer(text):
        form = _spaced(match.group(1))
        before, after = text[: match.start()], text[match.end() :]
        if _DENIED.search(re.split(r"[,.;:()]", before)[-1]):
            continue
        if form in _shared_forms():
            beside = _BORDER_AFTER.search(re.split(r"[.;:()]", after)[0])
            is_border = bool(beside or _ROUND_AFTER.search(after) or _BORDER_BEFORE.search(before))
            if is_border != (attribute == "border"):
                continue
        found.add(owners[form])
    return tuple(value for value in vocabulary()[attribute].values if value in found)


@cache
def _shared_forms() -> frozenset[str]:
    """Forms that the border has in common with another attribute."""
    owners: dict[str, set[str]] = {}
    for name, attribute in vocabulary().items():
        for forms in (*attribute.values.values(), *attribute.heard.values()):
            for form in forms:
                owners.setdefault(_spaced(form), set()).add(name)
    return frozenset(form for form, names in owners.items() if "border" in names and len(names) > 1)


@cache
def _pattern(attribute: str) -> tuple[re.Pattern[str], Mapping[str, str]]:
    """A pattern of all forms of an attribute, the longest first, and the value of each form, hyphens as spaces."""
    known = vocabulary()[attribute]
    owners = {
        _spaced(form): value
        for value, forms in (*known.values.items(), *known.heard.items())
        for form in forms
    }
    forms = _alternatives(owners)
    return re.compile(rf"(?<![\w-])({forms})(?:s|es)?(?!\w|-\w)"), owners


@cache
def _joined_colors() -> tuple[re.Pattern[str], frozenset[str]]:
    """A pattern of two colors joined by a hyphen, and the forms that are such a pair themselves."""
    owners = _pattern("color")[1]
    forms = _alternatives(form for form in owners if " " not in form)
    return re.compile(rf"(?<![\w-])({forms})-(?=({forms})(?![\w]))"), frozenset(owners)


def _split_colors(text: str) -> str:
    """Say "red-brown" as "red brown", which is both; "blue-white" is a form of its own and stays."""
    pattern, owners = _joined_colors()

    def split(match: re.Match[str]) -> str:
        first, second = match.groups()
        return match.group(0) if f"{first} {second}" in owners else f"{first} "

    return pattern.sub(split, text)


def _alternatives(forms: Iterable[str]) -> str:
    """An expression for any of the forms, the longest first; a space in one may be a hyphen in the text."""
    longest = sorted(forms, key=lambda form: (-len(form), form))
    return "|".join(re.escape(form).replace(r"\ ", r"[\s-]") for form in longest)


def _spaced(form: str) -> str:
    """A form as it is looked up: lower case, every hyphen and white space a space."""
    return re.sub(r"[\s-]", " ", form.lower())
