"""Make a dataclass of a table that a user wrote, naming everything that is wrong with it.

In: a dataclass, and a table as TOML gives it. Out: one of it; lists become tuples. Fields of other kinds than texts,
numbers, truth values, paths and lists of them are taken as they are: whoever put them into the table has built them.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sgps.errors import InputError, listing

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_Record = TypeVar("_Record", bound="DataclassInstance")

_KINDS: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "Path": (Path,),
}
"""What must stand in a table for a field, by the field's annotation; paths are made of texts beforehand."""
_LISTS = {f"tuple[{kind}, ...]": kind for kind in _KINDS}
"""Annotations of fields that are lists in the table, and the kind of their parts."""


def build(cls: type[_Record], table: object, where: str) -> _Record:
    """Make a dataclass of a table; what it comes from begins the message.

    Raises:
        InputError: it is no table, or keys are unknown, missing or of the wrong kind; all are named.
    """
    if not isinstance(table, dict):
        raise InputError(f"{where} must be a table of keys and values.")
    fields = {f.name: f for f in dataclasses.fields(cls)}
    unknown = sorted(set(table) - set(fields))
    missing = sorted(
        name
        for name, f in fields.items()
        if name not in table
        and f.default is dataclasses.MISSING
        and f.default_factory is dataclasses.MISSING
    )
    wrong = sorted(
        name for name, f in fields.items() if name in table and not _fits(table[name], str(f.type))
    )
    kinds = {"unknown": unknown, "missing": missing, "of the wrong kind": wrong}
    parts = [f"{kind} {listing(names, 100)}" for kind, names in kinds.items() if names]
    if parts:
        raise InputError(f"{where}: {'; '.join(parts)}. Known keys: {', '.join(fields)}.")
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in table.items()}
    return cls(**values)


def _fits(value: object, annotation: str) -> bool:
    if annotation in _LISTS:
        parts = value if isinstance(value, list) else [None]
        return all(_fits(part, _LISTS[annotation]) for part in parts)
    if annotation not in _KINDS:
        return True
    # In Python a truth value is an integer, too.
    return isinstance(value, _KINDS[annotation]) and isinstance(value, bool) == (
        annotation == "bool"
    )
