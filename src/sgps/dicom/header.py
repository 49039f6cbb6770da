"""Elements of a DICOM header: coded words, numbers, and tables; and the error of a file that cannot be used.

Source: DICOM PS3.3 C.11.1.1 and C.11.2.1.1 (tables), C.7.6.3.1.5 (of palettes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pydicom import Dataset

EXPORT = "export it as PNG with the window you read it in"
"""What a user can do with most of what is refused."""
NO_TABLE = f"is a DICOM file whose table has no meaning ({EXPORT})"


class DicomError(Exception):
    """A DICOM file that cannot be used; its text is a phrase that goes on from the file's name."""


def word(header: Dataset, name: str) -> str:
    """A coded word, in upper case; empty where there is none."""
    return str(header.get(name) or "").strip().upper()


def numbers(header: Dataset, name: str) -> list[float]:
    """The numbers of an element; none where it is missing or empty."""
    value = header.get(name)
    if value is None or (isinstance(value, str) and not value.strip()):
        return []
    return [float(value)] if isinstance(value, int | float) else [float(one) for one in value]


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """A table of the header."""

    entries: NDArray[np.float64]
    first: int
    """The value whose entry is the first; lower ones have that entry, too, and those above the last have the last."""
    bits: int
    """Of an entry."""

    @property
    def white(self) -> float:
        """The largest entry that there could be."""
        return 2.0**self.bits - 1

    def of(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """The entry of each value."""
        first = self.first
        if first >= 32768 and values.min() < 0:  # a negative number, written without its sign
            first -= 65536
        rows = (np.floor(values).astype(np.int64) - first).clip(0, len(self.entries) - 1)
        found: NDArray[np.float64] = self.entries[rows]
        return found


def first_table(header: Dataset, name: str) -> Table | None:
    """The first table of a sequence; None where there is none."""
    items: Sequence[Dataset] = header.get(name) or []
    if not items or not numbers(items[0], "LUTDescriptor"):
        return None
    return read_table(items[0].LUTDescriptor, items[0].LUTData, header)


def read_table(
    descriptor: Sequence[int],
    data: bytes | Sequence[int],
    header: Dataset,
) -> Table:
    """Read a table; entries come as bytes, of 8 or 16 bits each, or as numbers."""
    count, first, bits = (int(number) for number in descriptor)
    count = count or 65536
    if isinstance(data, bytes):
        little = header.original_encoding[1] is not False
        bytewise = bits <= 8 and len(data) in (count, count + count % 2)
        kind = np.dtype(np.uint8 if bytewise else "<u2" if little else ">u2")
        entries = np.frombuffer(data, kind)
        entries = entries[:count] if bytewise else entries
    else:
        entries = np.atleast_1d(np.array(data))
    if len(entries) != count:
        raise DicomError(NO_TABLE)
    return Table(entries=entries.astype(np.float64), first=first, bits=bits)
