"""One picture of a labelled set, and the CSV tables in which sets list theirs.

In: the bytes of a table. Out: its rows. What the columns mean is for the reader of each kind of set to say.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from sgps.archives import Read
from sgps.errors import InputError


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
    """Part of the set's own split that it belongs to, such as train or test; empty if none is stated."""


def table_rows(data: bytes, title: str) -> list[list[str]]:
    """Parse a CSV file, of which `title` stands in messages.

    Raises:
        InputError: it is not UTF-8 text or not CSV.
    """
    try:
        return list(csv.reader(io.StringIO(decode(data, title), newline=""), strict=True))
    except csv.Error as error:
        raise InputError(f"'{title}' is not readable as CSV ({error}). Save it anew.") from error


def decode(data: bytes, title: str) -> str:
    """Decode a text file.

    Raises:
        InputError: it is not UTF-8 text.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"'{title}' is not UTF-8 text. Save it in UTF-8.") from error
