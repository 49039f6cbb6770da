"""From stored values to gray, through unit and window, or to color, through a palette.

Source: DICOM PS3.3 C.11.1 (modality), C.11.2 (VOI) and C.7.6.3.1.5 (palette).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sgps.dicom.header import EXPORT, NO_TABLE, DicomError, first_table, numbers, read_table, word

if TYPE_CHECKING:
    from pydicom import Dataset

COLORS = ("Red", "Green", "Blue")
_NO_PALETTE = "is a DICOM file of an unknown kind of palette (export it as PNG)"


def gray(values: NDArray[Any], header: Dataset, *, inverted: bool) -> NDArray[np.uint8]:
    """Show stored values: a table from every value that their type can have to its gray, and then theirs in it."""
    limits = np.iinfo(values.dtype)
    levels = _shown(np.arange(limits.min, limits.max + 1, dtype=np.float64), header)
    if not np.isfinite(levels).all():
        raise DicomError(f"is a DICOM file whose window has no meaning ({EXPORT})")
    grays = (255 * (1 - levels if inverted else levels)).round().astype(np.uint8)
    return np.take(grays, values.astype(np.int32) - limits.min)


def _shown(stored: NDArray[np.float64], header: Dataset) -> NDArray[np.float64]:
    """Gray from 0, black, to 1, white, of stored values."""
    units = stored
    slope, intercept = numbers(header, "RescaleSlope"), numbers(header, "RescaleIntercept")
    to_units = first_table(header, "ModalityLUTSequence")
    if to_units is not None:
        units = to_units.of(stored)
    elif slope and (slope[0], intercept[0]) != (1, 0):
        units = stored * slope[0] + intercept[0]
    of_interest = first_table(header, "VOILUTSequence")
    if of_interest is not None:
        most = of_interest.white
        if not most / 16 < of_interest.entries.max() <= most:
            raise DicomError(NO_TABLE)
        return of_interest.of(units) / most
    centers, widths = numbers(header, "WindowCenter"), numbers(header, "WindowWidth")
    if centers and widths:
        return _windowed(units, centers[0], widths[0], word(header, "VOILUTFunction"))
    if header.PixelRepresentation != 0 or header.BitsStored > 8 or units is not stored:
        raise DicomError(f"is a DICOM file that states no window ({EXPORT})")
    white = float(2**header.BitsStored - 1)
    return (stored / white).clip(0, 1)


def _windowed(
    units: NDArray[np.float64], center: float, width: float, function: str
) -> NDArray[np.float64]:
    """PS3.3 C.11.2.1.2 and C.11.2.1.3."""
    linear = function in ("", "LINEAR")
    if width < 1 if linear else width <= 0:
        raise DicomError(f"is a DICOM file whose window has no meaning ({EXPORT})")
    with np.errstate(all="ignore"):
        if linear:
            return ((units - (center - 0.5)) / max(width - 1, 1e-9) + 0.5).clip(0, 1)
        if function == "LINEAR_EXACT":
            return ((units - center) / width + 0.5).clip(0, 1)
        if function == "SIGMOID":
            return 1 / (1 + np.exp(-4 * (units - center) / width))
    raise DicomError(f"is a DICOM file whose window has an unknown function ({EXPORT})")


def from_palette(indices: NDArray[Any], header: Dataset) -> NDArray[np.uint8]:
    """The colors (H, W, 3) of indices (H, W)."""
    tables = []
    for color in COLORS:
        name = f"{color}PaletteColorLookupTable"
        descriptor, data = header.get(f"{name}Descriptor"), header.get(f"{name}Data")
        if descriptor is None or data is None:  # or in segments
            raise DicomError(_NO_PALETTE)
        tables.append(read_table(descriptor, data, header))
    white = tables[0].white
    brightest = max(table.entries.max() for table in tables)
    # Some write 8 bits into the low bytes of 16.
    known = white in (255, 65535) and all(table.white == white for table in tables)
    if not known or not white / 256 < brightest <= white:
        raise DicomError(_NO_PALETTE)
    picture = np.stack([table.of(indices) for table in tables], -1)
    return (picture / white * 255).round().astype(np.uint8)
