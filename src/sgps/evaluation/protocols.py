"""Named ways to measure: which classes, how many at a time, with how many pictures each.

In: a name or a TOML file. Out: a `Protocol`, one `EpisodePlan` for each number of classes and of shots. Every field of
`_Table` may stand in the file under its own name; an unknown key is an error. Those that come with the package lie in
`protocols/`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from sgps.errors import InputError, listing
from sgps.evaluation.methods import METHODS
from sgps.evaluation.plans import EpisodePlan
from sgps.records import build

_FOLDER = Path(__file__).with_name("protocols")


@dataclass(frozen=True, kw_only=True)
class _Table:
    """What a file holds."""

    title: str
    shots: tuple[int, ...]
    ways: tuple[int, ...] = ()
    """Classes an episode, or as many as a set has where it has fewer; none means all."""
    classes: tuple[str, ...] = ()
    """Draw from these only; none means all."""
    query: int = 15
    episodes: int = 1000
    seed: int = 0
    methods: tuple[str, ...] = ()
    """What is compared unless the user says otherwise; none means what any benchmark compares."""
    limits: Mapping[str, int] = field(default_factory=dict)
    """Methods that answer the first so many episodes only, such as those which take gradient steps."""


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A way to measure."""

    name: str
    title: str
    """What it measures, in a sentence."""
    plans: Mapping[str, EpisodePlan]
    """By name of the part, such as `3-way 5-shot`."""
    methods: tuple[str, ...]
    """What it compares by itself; none means what any benchmark compares."""


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
    for way, shot in product(table.ways or (None,), table.shots):
        part = f"{f'{way}-way' if way else 'all classes'} {shot}-shot"
        plans[part] = EpisodePlan(
            way=way,
            fewer=True,
            shot=shot,
            query=table.query,
            episodes=table.episodes if episodes is None else episodes,
            seed=table.seed if seed is None else seed,
            classes=table.classes or None,
            limits=table.limits,
        )
    return Protocol(name=path.stem, title=table.title, plans=plans, methods=table.methods)


def _read(path: Path) -> _Table:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"'{path}' is not a readable TOML file: {error}.") from None
    table = build(_Table, content, f"'{path}'")
    limits = table.limits if isinstance(table.limits, dict) else {"limits": None}
    wrong = [
        name
        for name, number in limits.items()
        if isinstance(number, bool) or not isinstance(number, int) or number < 1
    ]
    if wrong:
        raise InputError(
            f"'{path}': limits must be a table of methods and episodes, at least 1; wrong are {listing(wrong)}."
        )
    if strange := sorted(set(table.methods) - set(METHODS)):
        raise InputError(
            f"'{path}': unknown methods: {listing(strange)}; known are {', '.join(METHODS)}."
        )
    known = {*METHODS, *(method.partition("@")[0] for method in METHODS)}
    if unknown := sorted(set(limits) - known):
        raise InputError(
            f"'{path}': limits name unknown methods: {listing(unknown)}; known are {', '.join(METHODS)}."
        )
    return table
