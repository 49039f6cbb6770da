"""What is wrong with a labelled set, found before anything is measured on it.

In: whatever `read_labelled` reads. Out: a `Report` of counts, of problems, which would make a measurement wrong, and of
warnings. The report names files as the set does, and never a group, which may be a patient's number.

Pictures are read one after the other, and about 1 KB of each is kept.
"""

from __future__ import annotations

import posixpath
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from sgps.archives import MANIFEST_NAME, ZipFiles, files_of_folder, is_picture
from sgps.evaluation.alike import Fingerprint, find_alike, fingerprint
from sgps.images import ImageError
from sgps.labelled import LabelledImage
from sgps.manifests import read_labelled

SHOTS = (1, 5, 10)
"""Shots for which classes are checked, unless others are asked for."""
MIN_SIDE = 64
"""Shortest side of a picture, in pixels, that is not remarked upon."""
MAX_ASPECT = 2.0
"""Longest side over shortest; beyond it, more than half lies outside of the centered square."""

_SIDE_FILES = (".csv", ".tsv", ".txt", ".md", ".json", ".yaml", ".yml", ".toml", ".pdf", ".xlsx")

_MESSAGES = {
    "unreadable": "pictures cannot be read. Repair, convert or remove them.",
    "duplicates_apart": "pictures show the same but differ in label, group or split, so that one would be learned and the "
    "other asked. Remove all but one, or give them one group.",
    "groups_across_splits": "pictures of one group lie in several parts of the split. Move the group into one part.",
    "classes_too_small": "classes lack a group for each shot and one for a query. Add lesions or patients, or lower the shots.",
    "groups_not_stated": "each picture counts as a group, so that one lesion or patient can be both learned and asked. "
    f"State groups in {MANIFEST_NAME}, or put the set's own table of lesions beside the pictures.",
    "groups_with_several_labels": "pictures of one group have several labels: right for a patient, a mistake for a lesion.",
    "duplicates_within_group": "pictures repeat each other within a group and class: harmless, but worth no more than one.",
    "small": f"pictures have a side below {MIN_SIDE} px. Give the originals.",
    "far_from_square": f"pictures are more than {MAX_ASPECT:g} times as long as wide, and what lies outside of the centered "
    "square is cut off. Crop them to what matters.",
    "not_pictures": "files have no extension of a picture and are passed over. If they are pictures, name them so.",
    "not_listed": f"pictures are not listed in {MANIFEST_NAME} or the table, and are passed over. Add rows or remove them.",
}

OnProgress = Callable[[str, int, int], None]
"""Hears of a step: what, how many done, of how many."""


@dataclass(frozen=True)
class Item:
    """One case of a finding."""

    files: tuple[str, ...]
    """The pictures, or other files, that it is about."""
    detail: str = ""
    """What else there is to say, in words."""


@dataclass(frozen=True)
class Finding:
    """Something to mend or to know, with all its cases."""

    kind: str
    """A fixed word for programs."""
    message: str
    """What it is and what to do."""
    items: tuple[Item, ...]


@dataclass(frozen=True, kw_only=True)
class ClassCount:
    """How much there is of one class."""

    label: str
    pictures: int
    readable: int
    """Pictures that can be used."""
    groups: int
    """Groups (lesions, patients, slides) of the readable pictures."""
    enough_for: tuple[int, ...]
    """Shots for which there is a group for each and one more for a query."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a check found; its fields and the kinds of findings keep their names."""

    pictures: int
    readable: int
    groups: int
    groups_stated: bool
    """Whether any two pictures share a group."""
    splits: dict[str, int]
    """Part of the set's own split to its number of pictures."""
    classes: tuple[ClassCount, ...]
    problems: tuple[Finding, ...]
    """They would make a measurement wrong."""
    warnings: tuple[Finding, ...]


@dataclass(frozen=True)
class _Seen:
    """What reading the pictures showed."""

    readable: list[LabelledImage] = field(default_factory=list)
    prints: list[Fingerprint] = field(default_factory=list)
    """Of the readable pictures, in the same order."""
    unreadable: list[Item] = field(default_factory=list)
    small: list[Item] = field(default_factory=list)
    long: list[Item] = field(default_factory=list)


def check_set(
    path: Path, shots: Sequence[int] = SHOTS, on_progress: OnProgress | None = None
) -> Report:
    """Read every picture of a set and report on it.

    Raises:
        InputError: as `read_labelled`.
    """
    # In the order of a MedMNIST file, which is slow in any other.
    images = sorted(read_labelled(path), key=lambda image: image.name)
    seen = _Seen()
    for done, image in enumerate(images, start=1):
        _look_at(image, seen)
        if on_progress is not None:
            on_progress("reading", done, len(images))
    leaks, repeats = _duplicates(seen.readable, seen.prints)
    classes = _classes(images, seen.readable, shots)
    problems = {
        "unreadable": seen.unreadable,
        "duplicates_apart": leaks,
        "groups_across_splits": _spread(images, lambda image: image.split),
    }
    groups = len({image.group for image in images})
    lone = [Item((), "no two pictures share a group")] if groups == len(images) else []
    warnings = {
        "groups_not_stated": lone,
        "classes_too_small": _too_small(classes, shots),
        "groups_with_several_labels": _spread(images, lambda image: image.label),
        "duplicates_within_group": repeats,
        "small": seen.small,
        "far_from_square": seen.long,
        **_left_out(path, images),
    }
    return Report(
        pictures=len(images),
        readable=len(seen.readable),
        groups=groups,
        groups_stated=groups < len(images),
        splits=dict(sorted(Counter(image.split for image in images if image.split).items())),
        classes=classes,
        problems=_findings(problems),
        warnings=_findings(warnings),
    )


def _findings(cases: dict[str, list[Item]]) -> tuple[Finding, ...]:
    return tuple(
        Finding(kind, _MESSAGES[kind], tuple(items)) for kind, items in cases.items() if items
    )


def _look_at(image: LabelledImage, seen: _Seen) -> None:
    try:
        picture = image.read(None)
    except ImageError as error:
        seen.unreadable.append(Item((image.name,), error.reason))
        return
    height, width = picture.shape[1:]
    size = Item((image.name,), f"{width} x {height}")
    if min(height, width) < MIN_SIDE:
        seen.small.append(size)
    if max(height, width) > MAX_ASPECT * min(height, width):
        seen.long.append(size)
    seen.prints.append(fingerprint(picture))
    seen.readable.append(image)


def _duplicates(
    images: Sequence[LabelledImage], prints: Sequence[Fingerprint]
) -> tuple[list[Item], list[Item]]:
    """Sets of pictures that show the same: those that would spoil a measurement, and the rest."""
    leaks: list[Item] = []
    repeats: list[Item] = []
    for alike in find_alike(prints):
        members = [images[index] for index in alike.members]
        labels = sorted({image.label for image in members})
        splits = sorted({image.split for image in members if image.split})
        apart = len({image.group for image in members}) > 1
        details = [
            "same pixels" if alike.exact else "nearly the same",
            *([f"labels {_words(labels)}"] if len(labels) > 1 else []),
            *(["different groups"] if apart else []),
            *([f"splits {_words(splits)}"] if len(splits) > 1 else []),
        ]
        item = Item(tuple(image.name for image in members), ", ".join(details))
        (leaks if len(details) > 1 else repeats).append(item)
    return leaks, repeats


def _spread(images: Sequence[LabelledImage], value: Callable[[LabelledImage], str]) -> list[Item]:
    """Groups over which a value is not the same, where it is stated."""
    found: list[Item] = []
    groups: defaultdict[str, list[LabelledImage]] = defaultdict(list)
    for image in images:
        groups[image.group].append(image)
    for members in groups.values():
        values = sorted({value(image) for image in members if value(image)})
        if len(values) > 1:
            found.append(Item(tuple(image.name for image in members), _words(values)))
    return found


def _classes(
    images: Sequence[LabelledImage], readable: Sequence[LabelledImage], shots: Sequence[int]
) -> tuple[ClassCount, ...]:
    pictures = Counter(image.label for image in images)
    usable = Counter(image.label for image in readable)
    groups: defaultdict[str, set[str]] = defaultdict(set)
    for image in readable:
        groups[image.label].add(image.group)
    return tuple(
        ClassCount(
            label=label,
            pictures=pictures[label],
            readable=usable[label],
            groups=len(groups[label]),
            enough_for=tuple(shot for shot in shots if len(groups[label]) > shot),
        )
        for label in sorted(pictures)
    )


def _too_small(classes: Sequence[ClassCount], shots: Sequence[int]) -> list[Item]:
    found: list[Item] = []
    for one in classes:
        if lacking := [str(shot) for shot in shots if shot not in one.enough_for]:
            count = f"{one.groups} group{'s' if one.groups != 1 else ''}"
            text = f"{one.label} ({count}, too few for shots {_words(lacking)})"
            found.append(Item((), text))
    return found


def _left_out(path: Path, images: Sequence[LabelledImage]) -> dict[str, list[Item]]:
    """Files of a folder or a zip that are no part of the set, though they may have been meant to be."""
    if path.is_dir():
        names = list(files_of_folder(path))
    elif path.suffix.lower() == ".zip":
        names = list(ZipFiles(path).files())
    else:
        return {}
    listed = {posixpath.normpath(image.name) for image in images}
    found: dict[str, list[Item]] = {"not_pictures": [], "not_listed": []}
    for name in names:
        if is_picture(name) and name not in listed:
            found["not_listed"].append(Item((name,)))
        elif not name.endswith("/") and not is_picture(name) and not _is_side_file(name):
            found["not_pictures"].append(Item((name,)))
    return found


def _is_side_file(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in _SIDE_FILES


def _words(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
