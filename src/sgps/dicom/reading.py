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
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sgps.dicom.header import EXPORT, DicomError, numbers, word
from sgps.dicom.shades import COLORS, from_palette, gray

if TYPE_CHECKING:
    from pydicom import Dataset

_BY_FRAME = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
_SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio")
_HEADER = [
    *("SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames"),
    *("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
    *("PresentationIntentType", "PresentationLUTShape", "PixelPresentation"),
    *("RescaleSlope", "RescaleIntercept", "ModalityLUTSequence"),
    *("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence"),
    *(f"{color}PaletteColorLookupTableDescriptor" for color in COLORS),
    *(f"{color}PaletteColorLookupTableData" for color in COLORS),
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
_ALONE = threading.Lock()
"""What silences warnings and logs does so for all threads."""


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
        raise DicomError(f"is a DICOM file (to read it: {install}; or {EXPORT})") from None
    with _ALONE, _silence(), _damage():
        stream.seek(132)
        meta = read_dataset(stream, False, True, stop_when=lambda tag, _vr, _length: tag >> 16 != 2)
        syntax = UID(meta.get("TransferSyntaxUID") or "")
        if not syntax.is_transfer_syntax:
            raise DicomError("is a DICOM file of an unknown transfer syntax (save it anew)")
        # Pydicom unpacks such a file without a bound before it parses anything.
        if syntax.is_deflated:
            raise DicomError("is a DICOM file deflated as a whole (save it in another syntax)")
        stream.seek(0)
        header = pydicom.dcmread(stream, stop_before_pixels=True, specific_tags=_HEADER)
        _refuse(header, syntax.startswith(_JPEG_2000), most_pixels)
        stream.seek(0)
        values = _stored(pydicom.dcmread(stream, specific_tags=[*_HEADER, *_PIXELS]))
        kind = word(header, "PhotometricInterpretation")
        if kind in _GRAY:
            return gray(values, header, inverted=kind == "MONOCHROME1")
        return from_palette(values, header) if kind == _PALETTE else values.astype(np.uint8)


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
    if any(frames > 1 for frames in numbers(header, "NumberOfFrames")):
        raise DicomError("is a DICOM file of several frames (export the one you mean as PNG)")
    if word(header, "PresentationIntentType") == "FOR PROCESSING":
        raise DicomError("is a DICOM file of raw data (export the one for presentation)")
    if header.Rows * header.Columns > most_pixels:
        millions = most_pixels // 1_000_000
        raise DicomError(f"has too many pixels (at most {millions} million: shrink it)")
    kind = word(header, "PhotometricInterpretation")
    color = kind not in (*_GRAY, _PALETTE)
    known = kind in (_KINDS_OF_JPEG_2000 if is_jpeg_2000 else _KINDS)
    if not known or header.SamplesPerPixel != (3 if color else 1):
        raise DicomError("is a DICOM file of an unknown kind of color (export it as PNG)")
    if header.BitsAllocated not in (8, 16) or not 2 <= header.BitsStored <= header.BitsAllocated:
        raise DicomError(f"has pixels of neither 8 nor 16 bits ({EXPORT})")
    if color and header.BitsStored != 8:
        raise DicomError("has color of other than 8 bits (export it as PNG of 8)")
    for name in _SPACINGS:
        sides = numbers(header, name)
        if len(sides) == 2 and abs(sides[0] - sides[1]) > _SQUARE_WITHIN * max(sides):
            raise DicomError("has pixels that are not square (export it as PNG with square ones)")
    if kind in _GRAY and any(name in header for name in _BY_FRAME):
        raise DicomError(f"is a DICOM file that states its window by frame ({EXPORT})")
    contradictory = (
        header.get("HighBit", header.BitsStored - 1) != header.BitsStored - 1
        or (kind == "MONOCHROME2" and word(header, "PresentationLUTShape") == "INVERSE")
        or (kind in _GRAY and word(header, "PixelPresentation") in ("COLOR", "MIXED"))
        or len(numbers(header, "RescaleSlope")) != len(numbers(header, "RescaleIntercept"))
    )
    if contradictory:
        raise DicomError(f"is a DICOM file whose header contradicts itself ({EXPORT})")


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
