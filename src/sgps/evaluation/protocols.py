"""Named ways to measure: which classes, how many at a time, with how many pictures each.

In: a name or a TOML file. Out: a `Protocol`, one `EpisodePlan` for each number of classes and of shots. Every field of
`_Table` may stand in the file under its own name; an unknown key is an error. Those that come with the package lie in
`protocols/`.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from sgps.errors import InputError, listing
from sgps.evaluation.benchmark import EpisodePlan

_FOLDER = Path(__file__).with_name("protocols")


@dataclass(frozen=True, kw_only=True)
class _Table:
    """What a file holds."""

    title: str
    shots: list[int]
    ways: list[int] = dataclasses.field(default_factory=list)
    """Classes an episode, or as many as a set has where it has fewer; none means all."""
    classes: list[str] = dataclasses.field(default_factory=list)
    """Draw from these only; none means all."""
    query: int = 15
    episodes: int = 1000
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A way to measure."""

    name: str
    title: str
    """What it measures, in a sentence."""
    plans: Mapping[str, EpisodePlan]
    """By name of the part, such as `3-way 5-shot`."""


def protocol_names() -> list[str]:
    """Names of the protocols that come with the package."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load_protocol(name: str, episodes: int | None = None, seed: int | None = None) -> Protocol:
    """Read a protocol by its name or from a TOML file, perhaps with other episodes than it says.

    Raises:
        InputError: there is no such protocol, or its file is not one.
    """
    path = _FOLDER / f"{name}.toml" if name in protocol_names() else Path(name)
    if path.suffix != ".toml" or not path.is_file():
        raise InputError(
            f"no protocol '{name}'. Name one of {', '.join(protocol_names())}, or give a TOML file."
        )
    table = _read(path)
    plans = {}
    ways: list[int | None] = [*table.ways] or [None]
    for way, shot in product(ways, table.shots):
        part = f"{f'{way}-way' if way else 'all classes'} {shot}-shot"
        plans[part] = EpisodePlan(
            way=way,
            fewer=True,
            shot=shot,
            query=table.query,
            episodes=table.episodes if episodes is None else episodes,
            seed=table.seed if seed is None else seed,
            classes=tuple(table.classes) or None,
        )
    return Protocol(name=path.stem, title=table.title, plans=plans)


def _read(path: Path) -> _Table:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"'{path}' is not a readable TOML file: {error}.") from None
    fields = {field.name: field for field in dataclasses.fields(_Table)}
    unknown = sorted(set(content) - set(fields))
    missing = sorted({"title", "shots"} - set(content))
    wrong = sorted(name for name in fields if name in content and not _fits(name, content[name]))
    kinds = {"unknown": unknown, "missing": missing, "of the wrong kind": wrong}
    parts = [f"{kind} {listing(names)}" for kind, names in kinds.items() if names]
    if parts:
        raise InputError(f"'{path}': {'; '.join(parts)}. Known keys: {', '.join(fields)}.")
    return _Table(**content)


def _fits(name: str, value: object) -> bool:
    if name in {"shots", "ways"}:
        return isinstance(value, list) and all(type(part) is int for part in value)
    if name == "classes":
        return isinstance(value, list) and all(isinstance(part, str) for part in value)
    return isinstance(value, str) if name == "title" else type(value) is int
