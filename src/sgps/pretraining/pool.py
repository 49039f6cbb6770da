"""Decode the train sets once into memory, with the labels to learn from and the groups that must stay together.

In: a folder of image-set archives. Out: a `Pool` of uint8 pictures (n, 3, S, S) and its `LabelSource`s. Dev classes are
refused here, the only door through which pictures enter pretraining.
"""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path

import joblib
import torch
from torch import Tensor

from sgps.datasets.catalogue import image_set, refuse_dev, role_of, set_names
from sgps.errors import InputError, listing
from sgps.images import ImageError, read_each
from sgps.labelled import LabelledImage
from sgps.manifests import read_labelled
from sgps.pretraining.parallel import own_cpu_count, spread

_RESERVED_PERCENT = 12
"""Share of the groups of each set that the representation stage never sees, in percent."""
_PICTURES_OF_JOB = 2000
"""Pictures from which a further worker that decodes pays for its start."""
_PICTURES_OF_PART = 100
"""Pictures that a worker decodes at once."""


@dataclass(frozen=True, kw_only=True)
class LabelSource:
    """One labelling of some of the pool's pictures; each has a linear head of its own while features are learned."""

    name: str
    """Name of the image set, or `set/attribute` for a labelling by metadata."""
    family: str
    """Family of the set, as in the catalogue."""
    indices: Tensor
    """int64 (m,), pictures of the pool."""
    labels: Tensor
    """int64 (m,), classes of those pictures."""
    class_names: tuple[str, ...]

    @property
    def set_name(self) -> str:
        """Name of the image set that the pictures come from."""
        return self.name.partition("/")[0]

    @property
    def is_attribute(self) -> bool:
        """Whether this is a labelling by metadata; no task is posed with it."""
        return "/" in self.name


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Pictures in memory."""

    images: Tensor
    """uint8 (n, 3, S, S), in memory or mapped from a file."""
    groups: tuple[str, ...]
    """For each picture `set/group`, and `source/picture` where several sets label the pictures of one source; pictures of one
    group never stand on both sides of a split."""
    sources: tuple[LabelSource, ...]

    def split(self) -> tuple[tuple[LabelSource, ...], tuple[LabelSource, ...]]:
        """Split every source by group into what the representation stage sees and what it never sees."""
        reserved = torch.tensor([_is_reserved(group) for group in self.groups])
        parts = []
        for keep in (~reserved, reserved):
            part = []
            for source in self.sources:
                chosen = keep[source.indices]
                part.append(
                    LabelSource(
                        name=source.name,
                        family=source.family,
                        indices=source.indices[chosen],
                        labels=source.labels[chosen],
                        class_names=source.class_names,
                    )
                )
            parts.append(tuple(part))
        return parts[0], parts[1]


def _is_reserved(group: str) -> bool:
    return int(hashlib.sha256(group.encode()).hexdigest(), 16) % 100 < _RESERVED_PERCENT


def train_archives(data: Path, held_out: Sequence[str] = ()) -> list[Path]:
    """Archives in `data` that hold at least one train class, sorted by name.

    Raises:
        InputError: there is none, or `held_out` names others.
    """
    known = set(set_names())
    found = sorted(path for path in data.glob("*.zip") if path.stem in known)
    archives = [path for path in found if image_set(path.stem).train_labels]
    if not archives:
        raise InputError(
            f"no image set to train on in {data}. Put the archives there or correct `data` in the recipe."
        )
    unknown = sorted(set(held_out) - {path.stem for path in archives})
    if unknown:
        raise InputError(
            f"`held_out` names sets that are no train sets in {data}: {listing(unknown)}. Correct the recipe."
        )
    return archives


def _thinned(items: list[LabelledImage], limit: int) -> list[LabelledImage]:
    """Keep about `limit` pictures, evenly spread over the sorted list and so over the classes."""
    if not limit or len(items) <= limit:
        return items
    return [items[index * len(items) // limit] for index in range(limit)]


def load_pool(
    archives: Sequence[Path],
    stored_size: int,
    max_images: int = 0,
    on_set: Callable[[str, int], None] | None = None,
    storage: Storage | None = None,
) -> Pool:
    """Decode the train classes of each archive.

    Args:
        archives: image-set archives, named as in the catalogue.
        stored_size: side of the stored pictures, in pixels.
        max_images: keep at most this many pictures of a set; 0 keeps all.
        on_set: called with a set's name and number of pictures when it is decoded.
        storage: where the pictures go; by default, into memory.

    Raises:
        InputError: an archive would bring a dev class in, or holds pictures that cannot be read; all are listed.
    """
    storage = storage or Storage()
    # Who fills a file does so for all processes of the machine, which wait.
    workers = own_cpu_count() if storage.path is None else int(joblib.cpu_count())
    chosen = [(archive, train_items(archive, max_images)) for archive in archives]
    total = sum(len(items) for _, items in chosen)
    if not total:
        raise InputError(f"no picture of a train class in {listing([str(a) for a in archives])}.")
    images = storage.allocate(total, stored_size)
    groups: list[str] = []
    sources: list[LabelSource] = []
    # One crowd of workers for all archives, most of which are too small for one of their own.
    reads = [partial(item.read, stored_size) for _, items in chosen for item in items]
    decoded = _decode(reads, workers) if storage.fills else iter(())
    faults: list[str] = []
    for archive, items in chosen:
        first = len(groups)
        if storage.fills:
            faults += _fill(archive, images[first : first + len(items)], decoded)
        groups.extend(_group(archive.stem, item) for item in items)
        sources += _label_sources(archive, items, first)
        if on_set:
            on_set(archive.stem, len(items))
    if faults:
        raise InputError("\n".join(faults))
    return Pool(images=images, groups=tuple(groups), sources=tuple(sources))


def _group(name: str, item: LabelledImage) -> str:
    """The group of a set's picture, the same as in the other sets that label the pictures of its source, under the same names."""
    source = image_set(name).source
    if sum(image_set(other).source == source for other in set_names()) > 1:
        return f"{source}/{Path(item.name).name}"
    return f"{name}/{item.group}"


@dataclass(frozen=True, kw_only=True)
class Storage:
    """Where the pictures of a pool lie."""

    path: Path | None = None
    """A file to map them from; none keeps them in memory."""
    fills: bool = True
    """Whether this process decodes; another one of the machine has done it otherwise."""
    spare: int = 0
    """Further pictures to leave room for, behind the decoded ones."""

    def allocate(self, count: int, size: int) -> Tensor:
        """Room for uint8 (count + spare, 3, size, size)."""
        shape = (count + self.spare, 3, size, size)
        if self.path is None:
            return torch.zeros(shape, dtype=torch.uint8)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        whole = math.prod(shape)
        mapped = torch.from_file(str(self.path), shared=True, size=whole, dtype=torch.uint8)
        return mapped.view(shape)


def train_items(archive: Path, max_images: int) -> list[LabelledImage]:
    """What of an archive may be learned from."""
    name = archive.stem
    items = [item for item in read_labelled(archive) if role_of(name, item.label) == "train"]
    items = _thinned(items, max_images)
    # Asked again, of the roles themselves: the selection above must never be the only guard.
    refuse_dev(name, {item.label for item in items})
    return items


def metadata_of(archive: Path) -> Path:
    """Where the table of further labels of a set's pictures lies, if it has one."""
    return archive.with_name(f"{archive.stem}_metadata.csv")


def _label_sources(archive: Path, items: Sequence[LabelledImage], first: int) -> list[LabelSource]:
    """The labellings of an archive's pictures, which begin at place `first` of the pool."""
    name, family = archive.stem, image_set(archive.stem).family
    class_names = tuple(sorted({item.label for item in items}))
    own = LabelSource(
        name=name,
        family=family,
        indices=torch.arange(first, first + len(items)),
        labels=torch.tensor([class_names.index(i.label) for i in items], dtype=torch.int64),
        class_names=class_names,
    )
    metadata = metadata_of(archive)
    further = _attribute_sources(name, family, metadata, items, first) if metadata.exists() else []
    return [own, *further]


def _decode(reads: Sequence[Callable[[], Tensor]], workers: int) -> Iterator[Tensor | ImageError]:
    """Decode pictures in their order, part by part: all of them may be larger than the memory."""
    parts = [reads[i : i + _PICTURES_OF_PART] for i in range(0, len(reads), _PICTURES_OF_PART)]
    workers = min(workers, len(reads) // _PICTURES_OF_JOB)
    return chain.from_iterable(spread(read_each, [(part,) for part in parts], workers))


def _fill(archive: Path, room: Tensor, decoded: Iterator[Tensor | ImageError]) -> list[str]:
    """Put an archive's pictures, the next of the decoded ones, into `room` (m, 3, S, S); say which cannot be used."""
    bad = []
    for row, result in enumerate(islice(decoded, len(room))):
        if isinstance(result, ImageError):
            bad.append(f"{result.name} {result.reason}")
        else:
            room[row] = result
    if not bad:
        return []
    return [
        f"{len(bad)} of {len(room)} pictures in '{archive}' cannot be used: {listing(bad, 100)}. Pack it anew."
    ]


def _attribute_sources(
    name: str, family: str, metadata: Path, items: Sequence[LabelledImage], first: int
) -> list[LabelSource]:
    """Further labellings of the same pictures: span of 20 years of age, and site on the body, where they are recorded."""
    with metadata.open(newline="", encoding="utf-8") as stream:
        rows = {row["image_id"]: row for row in csv.DictReader(stream)}
    sources = []
    for attribute in ("age", "localization"):
        values = [rows.get(Path(item.name).stem, {}).get(attribute) or "" for item in items]
        if attribute == "age":
            values = [_span_of_age(value) for value in values]
        counts = {value: values.count(value) for value in set(values)}
        class_names = tuple(
            sorted(v for v, count in counts.items() if count >= 30 and v not in ("", "unknown"))
        )
        kept = [index for index, value in enumerate(values) if value in class_names]
        if len(class_names) > 1:
            sources.append(
                LabelSource(
                    name=f"{name}/{attribute}",
                    family=family,
                    indices=torch.tensor(kept) + first,
                    labels=torch.tensor([class_names.index(values[index]) for index in kept]),
                    class_names=class_names,
                )
            )
    return sources


def _span_of_age(age: str) -> str:
    """The least age of its span of 20 years; none if it is no number."""
    try:
        return str(int(float(age)) // 20 * 20)
    except (ValueError, OverflowError):
        return ""
