"""The image sets known to the project: origin, license, the role of every class, and its clinical descriptions.

In: `sets.toml` beside this file, which is written by hand. Out: frozen records and four look-ups.
The roles live here, next to the descriptions, so that the pretraining entry point has one place to ask.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal, cast, get_args

from sgps.clinical.conditions import conditions
from sgps.errors import InputError, listing

Role = Literal["train", "dev"]
Family = Literal["dermatoscopy", "radiology", "microscopy", "photograph"]

_ALL = 10_000  # error messages name every offender: a shortened list would hide a class that must not be trained on


@dataclass(frozen=True, kw_only=True)
class ClassEntry:
    """One class of an image set."""

    label: str
    """Name of the class, exactly as in the set's manifest."""
    role: Role
    """`train`: the engine may be pretrained on it. `dev`: it never may, in no stage and no form."""
    descriptions: tuple[str, ...]
    """Two or three clinical sentences; they are averaged as a set, not joined."""


@dataclass(frozen=True, kw_only=True)
class ImageSet:
    """One image set and its classes, sorted by label."""

    name: str
    """Name of the set, which is its zip file without the ending."""
    modality: str
    """How the pictures were taken, in words."""
    family: Family
    """Kind of picture; one expert network is pretrained for each."""
    license: str
    """Terms of use as its source states them."""
    reference: str
    """Publication or collection that the pictures are from, to be cited."""
    source: str
    """Repositories on GitHub whose copy of pictures and labels was taken."""
    classes: Mapping[str, ClassEntry] = field(repr=False)
    """Label to class, read-only."""

    @property
    def train_labels(self) -> tuple[str, ...]:
        """Labels that the engine may be pretrained on, sorted."""
        return tuple(label for label, entry in self.classes.items() if entry.role == "train")

    @property
    def dev_labels(self) -> tuple[str, ...]:
        """Labels that are kept for measuring, sorted."""
        return tuple(label for label, entry in self.classes.items() if entry.role == "dev")


def set_names() -> tuple[str, ...]:
    """Names of the known image sets, sorted."""
    return tuple(_catalogue())


def image_set(name: str) -> ImageSet:
    """Look up the image set `name`.

    Raises:
        InputError: the set is not in the catalogue; the known ones are named.
    """
    known = _catalogue()
    if name not in known:
        raise InputError(
            f"image set '{name}' is not in the catalogue, so its roles are unknown. "
            f"Use one of {listing(list(known), _ALL)}."
        )
    return known[name]


def role_of(set_name: str, label: str) -> Role:
    """Tell whether class `label` of a set is `train` or `dev`.

    Raises:
        InputError: the set or the class is not in the catalogue.
    """
    return _entries(set_name, [label])[0].role


def descriptions_of(set_name: str) -> dict[str, list[str]]:
    """Give the clinical descriptions of every class of a set, sorted by label.

    Raises:
        InputError: the set is not in the catalogue.
    """
    return {label: list(entry.descriptions) for label, entry in image_set(set_name).classes.items()}


def all_descriptions_of(set_name: str) -> dict[str, list[str]]:
    """As `descriptions_of`, and the texts of the clinical catalogue's entries about each class after them.

    Raises:
        InputError: the set is not in the catalogue.
    """
    further: dict[str, list[str]] = {}
    for entry in conditions().values():
        for name in entry.classes:
            further.setdefault(name, []).extend(entry.descriptions.values())
    return {
        label: texts + further.get(f"{set_name}/{label}", [])
        for label, texts in descriptions_of(set_name).items()
    }


def refuse_dev(set_name: str, labels: Iterable[str]) -> None:
    """Stop unless every class in `labels` may be pretrained on.

    Raises:
        InputError: some are dev classes, or the set or a class is not in the catalogue; all offenders are named.
    """
    barred = [entry.label for entry in _entries(set_name, labels) if entry.role == "dev"]
    if barred:
        raise InputError(
            f"{listing(barred, _ALL)} of {set_name} are dev classes and may never be pretrained on. "
            "Leave them out."
        )


def _entries(set_name: str, labels: Iterable[str]) -> list[ClassEntry]:
    """Look up each distinct label of a set, sorted; unknown labels are the user's mistake."""
    classes = image_set(set_name).classes
    wanted = sorted(set(labels))
    unknown = [label for label in wanted if label not in classes]
    if unknown:
        raise InputError(
            f"{set_name} has no class {listing(unknown, _ALL)}. "
            f"Its classes are {listing(list(classes), _ALL)}."
        )
    return [classes[label] for label in wanted]


@cache
def _catalogue() -> Mapping[str, ImageSet]:
    text = files("sgps.datasets").joinpath("sets.toml").read_text(encoding="utf-8")
    tables = cast("dict[str, dict[str, Any]]", tomllib.loads(text))
    return MappingProxyType({name: _image_set(name, tables[name]) for name in sorted(tables)})


def _image_set(name: str, table: dict[str, Any]) -> ImageSet:
    texts: dict[str, list[str]] = table["descriptions"]
    # The file is ours, so a slip in it is a bug. Each class must stand in exactly one of the two lists: a class that is
    # described but has no role would otherwise slip past the guard of the dev classes.
    assert sorted(table["train"] + table["dev"]) == sorted(texts), f"roles of {name}"
    assert table["family"] in get_args(Family), f"family of {name}"
    roles: dict[str, Role] = dict.fromkeys(table["train"], "train")
    roles |= dict.fromkeys(table["dev"], "dev")
    return ImageSet(
        name=name,
        modality=table["modality"],
        family=table["family"],
        license=table["license"],
        reference=table["reference"],
        source=table["source"],
        classes=MappingProxyType(
            {
                label: ClassEntry(label=label, role=roles[label], descriptions=tuple(texts[label]))
                for label in sorted(texts)
            }
        ),
    )
