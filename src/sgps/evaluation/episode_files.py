"""Episodes as files, so that others measure on exactly the same ones: by the names of pictures, for any copy of a set.

In: sets, plans and their episodes, or a folder of such files. Out: `NAME.json` for each set:

    {"format": 1, "set": NAME, "protocol": null or {"name", "title"}, "pictures": [[name, label], ...],
     "parts": {part: {"plan": {...}, "episodes": [{"classes", "support", "query", "outside"}, ...]}}, "digest": SHA-256}

The numbers in an episode count the file's `pictures`. The digest is that of everything else in the file, as canonical JSON.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sgps.errors import InputError, listing
from sgps.evaluation.episodes import Episode, digest_of
from sgps.evaluation.plans import Drawn, EpisodePlan
from sgps.evaluation.sets import BenchmarkSet
from sgps.files import new_folder

_FORMAT = 1
_SIDES = ("support", "query", "outside")


@dataclass(frozen=True, kw_only=True)
class StoredEpisodes:
    """What a folder of episode files holds."""

    plans: Mapping[str, EpisodePlan]
    """By the name of the part; they are those that the episodes were drawn by."""
    drawn: Drawn
    protocol: Mapping[str, str] | None
    """`name` and `title` of the protocol that the parts are of."""


def write_episode_files(
    folder: Path,
    sets: Sequence[BenchmarkSet],
    plans: Mapping[str, EpisodePlan],
    drawn: Drawn,
    protocol: Mapping[str, str] | None = None,
) -> None:
    """Write one file a set into a new folder.

    Raises:
        InputError: the folder exists or cannot be written, or pictures of a set share a name.
    """
    contents = {
        one.name: _content(one, plans, {part: drawn[part][place] for part in plans}, protocol)
        for place, one in enumerate(sets)
    }
    with new_folder(folder) as partial:
        for name, content in contents.items():
            text = json.dumps({**content, "digest": digest_of(content)}, separators=(",", ":"))
            (partial / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def _content(
    one: BenchmarkSet,
    plans: Mapping[str, EpisodePlan],
    drawn: Mapping[str, Sequence[Episode]],
    protocol: Mapping[str, str] | None,
) -> dict[str, Any]:
    used = sorted(
        {i for own in drawn.values() for e in own for i in (*e.support, *e.query, *e.outside)}
    )
    names = Counter(one.pictures[index].name for index in used)
    if twice := sorted(name for name, count in names.items() if count > 1):
        raise InputError(
            f"pictures of {one.name} share a name: {listing(twice)}. Give each a name of its own to write episodes."
        )
    places = {index: place for place, index in enumerate(used)}
    return {
        "format": _FORMAT,
        "set": one.name,
        "protocol": dict(protocol) if protocol else None,
        "pictures": [[one.pictures[i].name, one.pictures[i].label] for i in used],
        "parts": {
            part: {
                # As JSON gives it back: lists for tuples.
                "plan": json.loads(json.dumps(asdict(plan))),
                "episodes": [
                    {"classes": list(episode.classes)}
                    | {side: [places[i] for i in getattr(episode, side)] for side in _SIDES}
                    for episode in drawn[part]
                ],
            }
            for part, plan in plans.items()
        },
    }


def read_episode_files(folder: Path, sets: Sequence[BenchmarkSet]) -> StoredEpisodes:
    """Read the files of these sets, and find their pictures.

    Raises:
        InputError: a file is missing, or no such file, or changed since it was written; a set lacks pictures or has them in
            other classes; or the files are not of the same parts.
    """
    stored = [_read(folder / f"{one.name}.json", one) for one in sets]
    first = stored[0]
    other = [
        one.name
        for one, own in zip(sets, stored, strict=True)
        if (own.plans, own.protocol) != (first.plans, first.protocol)
    ]
    if other:
        raise InputError(
            f"the episodes of {listing(other)} in '{folder}' were drawn otherwise than those of {sets[0].name}. "
            "Measure them apart."
        )
    return StoredEpisodes(
        plans=first.plans,
        drawn={part: [own.drawn[part][0] for own in stored] for part in first.plans},
        protocol=first.protocol,
    )


def _read(path: Path, one: BenchmarkSet) -> StoredEpisodes:
    try:
        content = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(
            f"cannot read the episodes of {one.name} from '{path}' ({error.strerror})."
        ) from error
    except ValueError as error:
        raise InputError(f"'{path}' is not JSON. Write the episodes anew.") from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        found = content.get("format") if isinstance(content, dict) else None
        raise InputError(
            f"'{path}' is no file of episodes of format {_FORMAT} (its format is {found})."
        )
    digest = content.pop("digest", None)
    if digest != digest_of(content):
        raise InputError(
            f"'{path}' is not what was written: its digest does not fit. Get the file anew."
        )
    rows = _rows(path, content["pictures"], one)
    plans = {part: _plan(own["plan"]) for part, own in content["parts"].items()}
    return StoredEpisodes(
        plans=plans,
        drawn={
            part: [[_episode(episode, rows) for episode in own["episodes"]]]
            for part, own in content["parts"].items()
        },
        protocol=content["protocol"],
    )


def _rows(path: Path, pictures: Sequence[Sequence[str]], one: BenchmarkSet) -> list[int]:
    """Where the file's pictures are in the set."""
    present = {picture.name: index for index, picture in enumerate(one.pictures)}
    missing = [name for name, _ in pictures if name not in present]
    classes = {picture.label for picture in one.pictures}
    unknown = sorted({label for _, label in pictures} - classes)
    if unknown:
        raise InputError(f"{one.name} has no class {listing(unknown)}, which '{path}' names.")
    if missing:
        raise InputError(
            f"{one.name} lacks {len(missing)} of {len(pictures)} pictures that '{path}' names: {listing(missing)}."
        )
    moved = [
        f"{name} ({one.pictures[present[name]].label}, not {label})"
        for name, label in pictures
        if one.pictures[present[name]].label != label
    ]
    if moved:
        raise InputError(f"{one.name} has other classes than '{path}' for {listing(moved)}.")
    return [present[name] for name, _ in pictures]


def _plan(table: dict[str, Any]) -> EpisodePlan:
    classes = table.pop("classes")
    return EpisodePlan(classes=None if classes is None else tuple(classes), **table)


def _episode(table: Mapping[str, Any], rows: Sequence[int]) -> Episode:
    support, query, outside = (tuple(rows[i] for i in table[side]) for side in _SIDES)
    return Episode(support=support, query=query, outside=outside, classes=tuple(table["classes"]))
