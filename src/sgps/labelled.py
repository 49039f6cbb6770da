"""One picture of a labelled set, and the CSV tables in which sets list theirs.

In: the bytes of a table. Out: its rows. What the columns mean is for the reader of each kind of set to say; here is what
the readers have in common: how splits are called, and what rows make up one group.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sgps.archives import Read
from sgps.errors import InputError

SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What the usual parts of a split are called, in lower case, to their names here."""


@dataclass(frozen=True)
class LabelledImage:
    """One picture of a labelled set, not read yet."""

    name: str
    """Its path as the set states it, with forward slashes."""
    label: str
    """Name of its class."""
    group: str
    """Pictures of one group (lesion, patient, slide) must stay on one side of any split; its name if none is stated."""
    read: Read
    """`read(image_size)` gives the uint8 picture (3, S, S) or raises `ImageError`."""
    split: str = ""
    """Part of the set's own split that it belongs to: train, val, test or another; empty if none is stated."""


def table_rows(data: bytes, title: str) -> list[list[str]]:
    """Parse a CSV file, of which `title` stands in messages.

    Raises:
        InputError: it is not UTF-8 text or not CSV.
    """
    try:
        return list(csv.reader(io.StringIO(decode(data, title), newline=""), strict=True))
    except csv.Error as error:
        raise InputError(f"'{title}' is not readable as CSV ({error}). Save it anew.") from error


def joined_groups(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Name the group of each row of a table, given what it states by column; empty where it states nothing.

    Rows with the same value in a column are of one group, and so are rows that others connect: all of a patient's lesions, and a
    picture for which only one of these lesions is stated. So a value must mean the same in every row.
    """
    above: dict[tuple[str, str], tuple[str, str]] = {}

    def top(key: tuple[str, str]) -> tuple[str, str]:
        while (parent := above.setdefault(key, key)) != key:
            above[key] = above[parent]  # halves the way for the next search
            key = parent
        return key

    for row in rows:
        for one, other in pairwise(row.items()):
            low, high = sorted((top(one), top(other)))
            above[high] = low
    # The same value may stand in two columns and mean two things.
    several = len({column for row in rows for column in row}) > 1

    def name(row: Mapping[str, str]) -> str:
        column, value = top(next(iter(row.items())))
        return f"{column} {value}" if several else value

    return [name(row) if row else "" for row in rows]


def decode(data: bytes, title: str) -> str:
    """Decode a text file.

    Raises:
        InputError: it is not UTF-8 text.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"'{title}' is not UTF-8 text. Save it in UTF-8.") from error
