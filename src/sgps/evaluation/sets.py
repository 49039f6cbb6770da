"""A labelled set to measure on: its pictures, its class descriptions, and what identifies it.

In: whatever `read_labelled` reads; perhaps descriptions in place of the catalogue's. Out: `BenchmarkSet`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sgps.clinical.lookup import entries_for, texts_of
from sgps.datasets.catalogue import descriptions_of, set_names
from sgps.labelled import LabelledImage
from sgps.manifests import read_labelled
from sgps.task import class_descriptions_in_order


@dataclass(frozen=True, kw_only=True)
class BenchmarkSet:
    """One labelled set to measure on."""

    name: str
    """The file's name without its ending."""
    pictures: tuple[LabelledImage, ...]
    descriptions: Mapping[str, Sequence[str]]
    """Class to descriptions, of some classes or none."""
    sha256: str
    """Of the file that was given; of the names, classes and groups if the set is a folder."""
    entries: Mapping[str, str] = field(default_factory=dict)
    """Class to the entry of the clinical catalogue that describes it, where its name was all that was known."""


def read_benchmark_set(path: Path) -> BenchmarkSet:
    """List the pictures under `path`, with what the project knows of their classes.

    A set of the project, known by its name, brings its class descriptions. Those of any other are the clinical catalogue's
    for the names of its classes, as `sgps synthesize` takes them.
    """
    pictures = tuple(read_labelled(path))
    labels = {picture.label for picture in pictures}
    if path.is_file():
        name = path.resolve().stem
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256")
    else:
        name = path.resolve().name
        rows = [f"{picture.name}\t{picture.label}\t{picture.group}" for picture in pictures]
        digest = hashlib.sha256("\n".join(rows).encode())
    entries = {} if name in set_names() else entries_for(sorted(labels))
    known = descriptions_of(name) if name in set_names() else texts_of(entries)
    return BenchmarkSet(
        name=name,
        pictures=pictures,
        descriptions={label: texts for label, texts in known.items() if label in labels},
        sha256=digest.hexdigest(),
        entries={label: f"{e.name} ({e.modality})" for label, e in entries.items()},
    )


def describe(
    sets: Sequence[BenchmarkSet], descriptions: Mapping[str, str | Sequence[str]]
) -> list[BenchmarkSet]:
    """Give all sets these descriptions in place of the catalogue's.

    Raises:
        InputError: a description is blank, or names a class that no set has.
    """
    labels = sorted({picture.label for one in sets for picture in one.pictures})
    ordered = class_descriptions_in_order(dict(descriptions), labels)
    texts = dict(zip(labels, ordered, strict=True)) if ordered else {}
    return [
        replace(
            one,
            descriptions={p.label: texts.get(p.label, ()) for p in one.pictures},
            entries={},
        )
        for one in sets
    ]
