"""The clinical catalogue: conditions that pictures show, what can be seen of each, and how a specialist would put it.

In: the TOML files in `conditions/` beside this file and `vocabulary.toml`, all written by hand from medical knowledge.
Out: frozen records. A slip in those files is a bug of ours, so that reading them asserts instead of telling a user.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

MODALITIES = (
    "dermatoscopy",
    "clinical photograph",
    "fundus photograph",
    "optical coherence tomography",
    "slit-lamp photograph",
    "otoscopy",
    "endoscopy",
    "colposcopy",
    "radiograph",
    "mammogram",
    "CT",
    "MRI",
    "ultrasound",
    "histology",
    "cytology",
    "blood smear",
    "microscopy",
)
"""How a picture may have been taken."""

ATTRIBUTES = ("color", "shape", "border", "texture", "size", "distribution")
"""Attributes with a closed vocabulary, in the order in which they are told."""

STYLES = ("expert", "plain", "terse")
"""Ways of putting the same facts: to a specialist, to a lay reader, in a dozen words."""


@dataclass(frozen=True, kw_only=True)
class Attribute:
    """One attribute of the vocabulary."""

    name: str
    question: str
    """What to ask a user whose text does not state it."""
    values: Mapping[str, tuple[str, ...]] = field(repr=False)
    """Value to the surface forms by which a text may state it, the value's own name first."""
    heard: Mapping[str, tuple[str, ...]] = field(repr=False)
    """Value to more forms, which are read but never written; values without any are left out."""
    opposites: tuple[tuple[str, str], ...]
    """Pairs of values that one lesion does not show at the same place."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One entry: a condition, a normal finding or a kind of cell, as seen in one modality."""

    key: str
    """Identifier, unique in the catalogue."""
    name: str
    synonyms: tuple[str, ...]
    modality: str
    region: str
    """Organ or specimen."""
    icd10: str
    """Code of ICD-10 where one fits; empty otherwise."""
    attributes: Mapping[str, tuple[str, ...]] = field(repr=False)
    """Attribute to values of the vocabulary; an attribute that does not tell anything is left out."""
    location: tuple[str, ...]
    """Where it usually lies, in free words."""
    background: tuple[str, ...]
    """What lies around it, in free words."""
    mimics: Mapping[str, str] = field(repr=False)
    """What it is mistaken for, and what tells the two apart in the picture."""
    classes: tuple[str, ...]
    """Classes of known image sets that this entry is about, as `set/label`."""
    descriptions: Mapping[str, str] = field(repr=False)
    """One description in each of `STYLES`."""


@cache
def vocabulary() -> Mapping[str, Attribute]:
    """Read the vocabulary, in the order of `ATTRIBUTES`."""
    text = files("sgps.clinical").joinpath("vocabulary.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    assert tuple(tables) == ATTRIBUTES, "attributes of the vocabulary"
    return MappingProxyType({name: _attribute(name, tables[name]) for name in ATTRIBUTES})


@cache
def conditions() -> Mapping[str, Condition]:
    """Read the catalogue, sorted by key."""
    found: dict[str, Condition] = {}
    folder = files("sgps.clinical").joinpath("conditions")
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".toml"):
            continue
        for key, table in tomllib.loads(file.read_text(encoding="utf-8")).items():
            assert key not in found, f"{key} in {file.name} stands twice"
            found[key] = _condition(key, table, file.name)
    return MappingProxyType({key: found[key] for key in sorted(found)})


def _attribute(name: str, table: Mapping[str, Any]) -> Attribute:
    values = {value: (value, *forms) for value, forms in table["values"].items()}
    opposites = tuple((first, second) for first, second in table["opposites"])
    heard = {value: tuple(forms) for value, forms in table["heard"].items()}
    unknown = ({value for pair in opposites for value in pair} | set(heard)) - set(values)
    assert not unknown, f"opposites of {name}, or forms heard: {unknown}"
    return Attribute(
        name=name,
        question=table["question"],
        values=MappingProxyType(values),
        heard=MappingProxyType(heard),
        opposites=opposites,
    )


_KEYS = {"name", "synonyms", "modality", "region", "location", "background", "mimics"}
_OPTIONAL = {"icd10", "classes", *ATTRIBUTES}


def _condition(key: str, table: Mapping[str, Any], where: str) -> Condition:
    place = f"{key} in {where}"
    given = set(table)
    assert _KEYS | {"descriptions"} <= given, f"{place} lacks {_KEYS - given}"
    assert given <= _KEYS | _OPTIONAL | {"descriptions"}, f"{place}: unknown {given - _KEYS}"
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", key), f"{place}: key"
    assert table["modality"] in MODALITIES, f"{place}: modality {table['modality']}"
    assert tuple(table["descriptions"]) == STYLES, f"{place}: descriptions"
    code = table.get("icd10", "")
    assert re.fullmatch(r"([A-Z][0-9]{2}(\.[0-9]{1,2})?)?", code), f"{place}: icd10 {code}"
    attributes = {name: tuple(table[name]) for name in ATTRIBUTES if name in table}
    for name, values in attributes.items():
        unknown = [value for value in values if value not in vocabulary()[name].values]
        assert values, f"{place}: {name} is empty"
        assert not unknown, f"{place}: {name} has no {unknown}"
    return Condition(
        key=key,
        name=table["name"],
        synonyms=tuple(table["synonyms"]),
        modality=table["modality"],
        region=table["region"],
        icd10=code,
        attributes=MappingProxyType(attributes),
        location=tuple(table["location"]),
        background=tuple(table["background"]),
        mimics=MappingProxyType(dict(table["mimics"])),
        classes=tuple(table.get("classes", ())),
        descriptions=MappingProxyType(dict(table["descriptions"])),
    )
