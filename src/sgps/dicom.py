"""Turn a DICOM file of one frame into the picture that it asks to be shown as.

In: the bytes of a file. Out: a uint8 array, gray (H, W) or RGB (H, W, 3). Needs the extra `dicom`.

- Gray goes through the file's modality transform, and then through the table or the window of interest (VOI) that it states, from
  black to white: a table before a window, and of several, which are alternatives, the first. `MONOCHROME1` is inverted.
- Without either, up to 8 stored bits go from black to white as they are. More, and values in a unit (CT), are refused: viewers
  choose a window then, each its own.
- Color of 8 bits becomes RGB, whether stored as that, as YBR or with a palette.
- Several frames, pixels that are not square, raw data of a detector (`FOR PROCESSING`), what states its window by frame
  (enhanced CT and MR), and headers that contradict themselves are refused.
- Shutters, overlays, color profiles and presentation states of their own are not applied.

Of the header only what describes pixels is parsed, and no text of it reaches a message, a warning or a log: it names patients.

Source: DICOM PS3.3 C.7.6.3 (image pixel), C.11.1 (modality) and C.11.2 (VOI).
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from pydicom import Dataset

_COLORS = ("Red", "Green", "Blue")
_BY_FRAME = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
_SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio")
_HEADER = [
    *("SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames"),
    *("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
    *("PresentationIntentType", "PresentationLUTShape", "PixelPresentation"),
    *("RescaleSlope", "RescaleIntercept", "ModalityLUTSequence"),
    *("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence"),
    *(f"{color}PaletteColorLookupTableDescriptor" for color in _COLORS),
    *(f"{color}PaletteColorLookupTableData" for color in _COLORS),
    *_SPACINGS,
    *_BY_FRAME,
]
_PIXELS = ["PixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths"]
_GRAY = ("MONOCHROME1", "MONOCHROME2")
_PALETTE = "PALETTE COLOR"
_JPEG_2000 = "1.2.840.10008.1.2.4.9"
_KINDS = (*_GRAY, _PALETTE, "RGB", "YBR_FULL", "YBR_FULL_422")
_KINDS_OF_JPEG_2000 = (*_GRAY, _PALETTE, "RGB", "YBR_ICT", "YBR_RCT")
_SQUARE_WITHIN = 0.01
"""Sides of a pixel that differ by less, relative to each other, are taken for equal."""
_EXPORT = "export it as PNG with the window you read it in"
_NO_TABLE = f"is a DICOM file whose table has no meaning ({_EXPORT})"
_NO_PALETTE = "is a DICOM file of an unknown kind of palette (export it as PNG)"
_ALONE = threading.Lock()
"""What silences warnings and logs does so for all threads."""


class DicomError(Exception):
    """A DICOM file that cannot be used; its text is a phrase that goes on from the file's name."""


def is_dicom(head: bytes) -> bool:
    """Whether a file that begins with these 132 bytes is DICOM."""
    return head[128:132] == b"DICM"


def read_dicom(stream: BinaryIO, most_pixels: int) -> NDArray[np.uint8]:
    """Read the picture of a DICOM file; see above.

    Args:
        stream: the file, from its beginning.
        most_pixels: more are refused from the header, before they are decoded.

    Raises:
        DicomError: the extra is not installed, the file is damaged, or of a kind that is refused.
    """
    try:
        import pydicom
        from pydicom.filereader import read_dataset
        from pydicom.uid import UID
    except ModuleNotFoundError:
        install = 'pip install "sgps[dicom]"'
        raise DicomError(f"is a DICOM file (to read it: {install}; or {_EXPORT})") from None
    with _ALONE, _silence(), _damage():
        stream.seek(132)
        meta = read_dataset(stream, False, True, stop_when=lambda tag, _vr, _length: tag >> 16 != 2)
        syntax = UID(meta.get("TransferSyntaxUID") or "")
        # Pydicom unpacks such a file without a bound before it parses anything.
        if not syntax.is_transfer_syntax or syntax.is_deflated:
            raise DicomError(
                "is a DICOM file deflated as a whole, or of an unknown syntax (save it anew)"
            )
        stream.seek(0)
        header = pydicom.dcmread(stream, stop_before_pixels=True, specific_tags=_HEADER)
        _refuse(header, syntax.startswith(_JPEG_2000), most_pixels)
        stream.seek(0)
        values = _stored(pydicom.dcmread(stream, specific_tags=[*_HEADER, *_PIXELS]))
        kind = _word(header, "PhotometricInterpretation")
        if kind in _GRAY:
            return _gray(values, header, inverted=kind == "MONOCHROME1")
        return _from_palette(values, header) if kind == _PALETTE else values.astype(np.uint8)


@contextmanager
def _silence() -> Iterator[None]:
    """Keep the library's remarks, which quote the header, from the screen and from logs."""

    def unheard(_record: logging.LogRecord) -> bool:
        return False

    log = logging.getLogger("pydicom")
    log.addFilter(unheard)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"pydicom\.")
            # Of a JPEG that is larger than its header says.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    finally:
        log.removeFilter(unheard)


@contextmanager
def _damage() -> Iterator[None]:
    """Damaged bytes fail in many ways, and the library's messages may quote the header: they are not passed on."""
    try:
        yield
    except DicomError:
        raise
    except Exception as error:
        raise DicomError(f"is damaged (DICOM, {type(error).__name__})") from None


def _refuse(header: Dataset, is_jpeg_2000: bool, most_pixels: int) -> None:
    """Stop at what is no single picture of a known kind."""
    if "Rows" not in header or "Columns" not in header:
        raise DicomError("is a DICOM file without a picture")
    if any(frames > 1 for frames in _numbers(header, "NumberOfFrames")):
        raise DicomError("is a DICOM file of several frames (export the one you mean as PNG)")
    if _word(header, "PresentationIntentType") == "FOR PROCESSING":
        raise DicomError("is a DICOM file of raw data (export the one for presentation)")
    if header.Rows * header.Columns > most_pixels:
        millions = most_pixels // 1_000_000
        raise DicomError(f"has too many pixels (at most {millions} million: shrink it)")
    kind = _word(header, "PhotometricInterpretation")
    color = kind not in (*_GRAY, _PALETTE)
    known = kind in (_KINDS_OF_JPEG_2000 if is_jpeg_2000 else _KINDS)
    if not known or header.SamplesPerPixel != (3 if color else 1):
        raise DicomError("is a DICOM file of an unknown kind of color (export it as PNG)")
    if header.BitsAllocated not in (8, 16) or not 2 <= header.BitsStored <= header.BitsAllocated:
        raise DicomError(f"has pixels of neither 8 nor 16 bits ({_EXPORT})")
    if color and header.BitsStored != 8:
        raise DicomError("has color of other than 8 bits (export it as PNG of 8)")
    for name in _SPACINGS:
        sides = _numbers(header, name)
        if len(sides) == 2 and abs(sides[0] - sides[1]) > _SQUARE_WITHIN * max(sides):
            raise DicomError("has pixels that are not square (export it as PNG with square ones)")
    if kind in _GRAY and any(name in header for name in _BY_FRAME):
        raise DicomError(f"is a DICOM file that states its window by frame ({_EXPORT})")
    contradictory = (
        header.get("HighBit", header.BitsStored - 1) != header.BitsStored - 1
        or (kind == "MONOCHROME2" and _word(header, "PresentationLUTShape") == "INVERSE")
        or (kind in _GRAY and _word(header, "PixelPresentation") in ("COLOR", "MIXED"))
        or len(_numbers(header, "RescaleSlope")) != len(_numbers(header, "RescaleIntercept"))
    )
    if contradictory:
        raise DicomError(f"is a DICOM file whose header contradicts itself ({_EXPORT})")


def _word(header: Dataset, name: str) -> str:
    """A coded word, in upper case; empty where there is none."""
    return str(header.get(name) or "").strip().upper()


def _numbers(header: Dataset, name: str) -> list[float]:
    """The numbers of an element; none where it is missing or empty."""
    value = header.get(name)
    if value is None or (isinstance(value, str) and not value.strip()):
        return []
    return [float(value)] if isinstance(value, int | float) else [float(one) for one in value]


def _stored(whole: Dataset) -> NDArray[Any]:
    """Stored values (H, W), or (H, W, 3), where YBR has become RGB."""
    from pydicom.pixels.utils import pixel_array

    if "PixelData" not in whole:
        raise DicomError("is a DICOM file without a picture")
    try:
        values = pixel_array(whole)
    except Exception as error:  # pydicom and its decoders raise many kinds
        kind = type(error).__name__
        raise DicomError(
            f"is damaged, or compressed in a way that is not read (DICOM, {kind})"
        ) from None
    shape = (whole.Rows, whole.Columns, *((3,) if whole.SamplesPerPixel == 3 else ()))
    if values.shape != shape:
        raise DicomError("is a DICOM file of several frames (export the one you mean as PNG)")
    return values


def _gray(values: NDArray[Any], header: Dataset, *, inverted: bool) -> NDArray[np.uint8]:
    """Show stored values: a table from every value that their type can have to its gray, and then theirs in it."""
    limits = np.iinfo(values.dtype)
    levels = _shown(np.arange(limits.min, limits.max + 1, dtype=np.float64), header)
    if not np.isfinite(levels).all():
        raise DicomError(f"is a DICOM file whose window has no meaning ({_EXPORT})")
    grays = (255 * (1 - levels if inverted else levels)).round().astype(np.uint8)
    return np.take(grays, values.astype(np.int32) - limits.min)


def _shown(stored: NDArray[np.float64], header: Dataset) -> NDArray[np.float64]:
    """Gray from 0, black, to 1, white, of stored values."""
    units = stored
    slope, intercept = _numbers(header, "RescaleSlope"), _numbers(header, "RescaleIntercept")
    table = _table_in(header, "ModalityLUTSequence")
    if table is not None:
        units = table.of(stored)
    elif slope and (slope[0], intercept[0]) != (1, 0):
        units = stored * slope[0] + intercept[0]
    of_interest = _table_in(header, "VOILUTSequence")
    if of_interest is not None:
        most = of_interest.white
        if not most / 16 < of_interest.entries.max() <= most:
            raise DicomError(_NO_TABLE)
        return of_interest.of(units) / most
    centers, widths = _numbers(header, "WindowCenter"), _numbers(header, "WindowWidth")
    if centers and widths:
        return _windowed(units, centers[0], widths[0], _word(header, "VOILUTFunction"))
    if header.PixelRepresentation != 0 or header.BitsStored > 8 or units is not stored:
        raise DicomError(f"is a DICOM file that states no window ({_EXPORT})")
    white = float(2**header.BitsStored - 1)
    return (stored / white).clip(0, 1)


def _windowed(
    units: NDArray[np.float64], center: float, width: float, function: str
) -> NDArray[np.float64]:
    """PS3.3 C.11.2.1.2 and C.11.2.1.3."""
    linear = function in ("", "LINEAR")
    if width < 1 if linear else width <= 0:
        raise DicomError(f"is a DICOM file whose window has no meaning ({_EXPORT})")
    with np.errstate(over="ignore"):
        if linear:
            return ((units - (center - 0.5)) / max(width - 1, 1e-9) + 0.5).clip(0, 1)
        if function == "LINEAR_EXACT":
            return ((units - center) / width + 0.5).clip(0, 1)
        if function == "SIGMOID":
            return 1 / (1 + np.exp(-4 * (units - center) / width))
    raise DicomError(f"is a DICOM file whose window has an unknown function ({_EXPORT})")


@dataclass(frozen=True, kw_only=True, eq=False)
class _Table:
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


def _table_in(header: Dataset, name: str) -> _Table | None:
    """The first table of a sequence; None where there is none."""
    items: Sequence[Dataset] = header.get(name) or []
    if not items or not _numbers(items[0], "LUTDescriptor"):
        return None
    return _table(items[0].LUTDescriptor, items[0].LUTData, header)


def _table(
    descriptor: Sequence[int],
    data: bytes | Sequence[int],
    header: Dataset,
) -> _Table:
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
        raise DicomError(_NO_TABLE)
    return _Table(entries=entries.astype(np.float64), first=first, bits=bits)


def _from_palette(indices: NDArray[Any], header: Dataset) -> NDArray[np.uint8]:
    tables = []
    for color in _COLORS:
        name = f"{color}PaletteColorLookupTable"
        descriptor, data = header.get(f"{name}Descriptor"), header.get(f"{name}Data")
        if descriptor is None or data is None:  # or in segments
            raise DicomError(_NO_PALETTE)
        tables.append(_table(descriptor, data, header))
    white = tables[0].white
    brightest = max(table.entries.max() for table in tables)
    # Some write 8 bits into the low bytes of 16.
    known = white in (255, 65535) and all(table.white == white for table in tables)
    if not known or not white / 256 < brightest <= white:
        raise DicomError(_NO_PALETTE)
    picture = np.stack([table.of(indices) for table in tables], -1)
    return (picture / white * 255).round().astype(np.uint8)
