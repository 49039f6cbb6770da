"""Turn a DICOM file into the picture that a reader sees on opening it.

In: the bytes of a file. Out: a uint8 array, gray (H, W) or RGB (H, W, 3). Needs the extra `dicom`.

- Gray goes through the file's modality transform, and then through the window or table of interest (VOI) that it states, from
  black to white; of several, which are alternatives, the first, as viewers do. `MONOCHROME1` is inverted.
- Where none is stated, the range of the stored bits goes from black to white, as the standard has it. It is refused where this
  cannot be meant: values that are signed or rescaled to a unit (CT), or that use only the lowest 1/16 of the range, and where it
  may be stated by frame (enhanced CT and MR).
- Color of 8 bits becomes RGB, whether stored as that, as YBR or with a palette.
- Several frames, pixels that are not square, raw data of a detector (`FOR PROCESSING`) and files without a picture are refused.

Only what these need is parsed, and no value of the header stands in a message: headers name patients.

Source: DICOM PS3.3 C.7.6.3 (image pixel), C.11.1 (modality) and C.11.2 (VOI); the arithmetic is pydicom's.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pydicom import Dataset

_HEADER = [
    *("SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames"),
    *("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
    *("PixelAspectRatio", "PixelSpacing", "ImagerPixelSpacing"),
    *("PresentationIntentType", "RescaleSlope", "RescaleIntercept", "ModalityLUTSequence"),
    *("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence"),
    *(f"{color}PaletteColorLookupTableDescriptor" for color in ("Red", "Green", "Blue")),
    *(f"{color}PaletteColorLookupTableData" for color in ("Red", "Green", "Blue")),
    *(f"Segmented{color}PaletteColorLookupTableData" for color in ("Red", "Green", "Blue")),
]
_BY_FRAME = ["SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"]
_PIXELS = ["PixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths"]
_GRAY = ("MONOCHROME1", "MONOCHROME2")
_PALETTE = "PALETTE COLOR"
_COLORS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT", _PALETTE)
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_META_BYTES = 65536
"""The transfer syntax stands at the very beginning of a file."""
_SQUARE_WITHIN = 0.01
"""Sides of a pixel that differ by less, relative to each other, are taken for equal."""
_FAR = 1e9
"""A value that lies beyond every window."""
_EXPORT = "export it as PNG with the window you read it in"


class DicomError(Exception):
    """A DICOM file that cannot be used; its text is a phrase that goes on from the file's name."""


def is_dicom(head: bytes) -> bool:
    """Whether a file that begins with these 132 bytes is DICOM."""
    return head[128:132] == b"DICM"


def read_dicom(stream: IO[bytes], most_pixels: int) -> NDArray[np.uint8]:
    """Read the picture of a DICOM file; see above.

    Args:
        stream: the file, from its beginning.
        most_pixels: more are refused from the header, before they are decoded.

    Raises:
        DicomError: the extra is not installed, the file is damaged, or of a kind that is refused.
    """
    try:
        import pydicom
    except ModuleNotFoundError as error:
        raise DicomError(
            f'is a DICOM file (to read it: pip install "sgps[dicom]"; or {_EXPORT})'
        ) from error
    # Pydicom unpacks such a file without a bound before it parses anything.
    if _DEFLATED in stream.read(_META_BYTES):
        raise DicomError("is a deflated DICOM file (save it with another transfer syntax)")
    with warnings.catch_warnings(), _damage():
        # What pydicom finds odd in a header is nothing that a user of ours could act on.
        warnings.filterwarnings("ignore", module=r"pydicom\.")
        stream.seek(0)
        _refuse(
            pydicom.dcmread(stream, stop_before_pixels=True, specific_tags=_HEADER), most_pixels
        )
        stream.seek(0)
        whole = pydicom.dcmread(stream, specific_tags=[*_HEADER, *_BY_FRAME, *_PIXELS])
        values = _decoded(whole)
        if whole.PhotometricInterpretation in _GRAY:
            return _from_gray(values, whole)
        return _from_color(values, whole)


@contextmanager
def _damage() -> Iterator[None]:
    """Damaged bytes fail in many ways, and the library's messages may quote the header: they are not passed on."""
    try:
        yield
    except DicomError:
        raise
    except Exception as error:
        raise DicomError(f"is damaged (DICOM, {type(error).__name__})") from error


def _refuse(header: Dataset, most_pixels: int) -> None:
    """Stop at what is no single picture of a known kind."""
    if "Rows" not in header or "Columns" not in header:
        raise DicomError("is a DICOM file without a picture")
    if int(header.get("NumberOfFrames") or 1) > 1:
        raise DicomError(f"is a DICOM file of several frames ({_EXPORT}, the frame you mean)")
    if header.get("PresentationIntentType") == "FOR PROCESSING":
        raise DicomError("is a DICOM file of raw data (export the one for presentation)")
    if header.Rows * header.Columns > most_pixels:
        raise DicomError(
            f"has too many pixels (at most {most_pixels // 1_000_000} million: shrink it)"
        )
    kind = header.PhotometricInterpretation
    samples = 1 if kind in (*_GRAY, _PALETTE) else 3
    if kind not in (*_GRAY, *_COLORS) or header.SamplesPerPixel != samples:
        raise DicomError("is a DICOM file of an unknown kind of color (export it as PNG)")
    if header.BitsAllocated not in (8, 16) or not 2 <= header.BitsStored <= header.BitsAllocated:
        raise DicomError(f"has pixels of neither 8 nor 16 bits ({_EXPORT})")
    if samples == 3 and header.BitsAllocated != 8:
        raise DicomError("has color of more than 8 bits (export it as PNG of 8)")
    for name in ("PixelAspectRatio", "PixelSpacing", "ImagerPixelSpacing"):
        sides = [float(side) for side in header.get(name) or ()]
        if len(sides) == 2 and abs(sides[0] - sides[1]) > _SQUARE_WITHIN * max(sides):
            raise DicomError("has pixels that are not square (export it as PNG with square ones)")


def _decoded(whole: Dataset) -> NDArray[Any]:
    """Stored values (H, W), or (H, W, 3), where YBR has become RGB."""
    from pydicom.pixels.utils import pixel_array

    if "PixelData" not in whole:
        raise DicomError("is a DICOM file without a picture")
    try:
        return pixel_array(whole)
    except NotImplementedError as error:
        raise DicomError(f"is compressed in an unknown way ({_EXPORT})") from error
    except Exception as error:  # pydicom and its decoders raise many kinds
        raise DicomError(
            f"is damaged, or compressed in a way that is not read (DICOM, {type(error).__name__})"
        ) from error


def _from_color(values: NDArray[Any], whole: Dataset) -> NDArray[np.uint8]:
    from pydicom.pixels.processing import apply_color_lut

    if whole.PhotometricInterpretation != _PALETTE:
        return values.astype(np.uint8)
    colors = apply_color_lut(values, whole)[..., :3]
    # A palette of 16 bits spans 0 to 65535.
    return (colors / 257 if colors.dtype == np.uint16 else colors).round().astype(np.uint8)


def _from_gray(values: NDArray[Any], whole: Dataset) -> NDArray[np.uint8]:
    from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

    shown = apply_modality_lut(values, whole)
    if whole.get("VOILUTSequence"):
        bits = int(whole.VOILUTSequence[0].LUTDescriptor[2])
        black, white = 0.0, 2.0**bits - 1
        shown = apply_voi_lut(shown, whole)
    elif "WindowCenter" in whole and "WindowWidth" in whole:
        black, white = apply_voi_lut(np.array([-_FAR, _FAR]), whole)
        shown = apply_voi_lut(shown, whole)
    else:
        black, white = 0.0, _white_of_stored(values, whole)
        shown = values
    with np.errstate(all="ignore"):
        gray = ((np.asarray(shown, dtype=np.float64) - black) / (white - black)).clip(0, 1)
    if not np.isfinite(gray).all():
        raise DicomError(f"is a DICOM file whose window has no meaning ({_EXPORT})")
    if whole.PhotometricInterpretation == "MONOCHROME1":
        gray = 1 - gray
    return (255 * gray).round().astype(np.uint8)


def _white_of_stored(values: NDArray[Any], whole: Dataset) -> float:
    """The stored value that is white where the file states no window."""
    rescaled = (float(whole.get("RescaleSlope") or 1), float(whole.get("RescaleIntercept") or 0))
    by_frame = any(name in whole for name in _BY_FRAME)
    in_units = rescaled != (1, 0) or bool(whole.get("ModalityLUTSequence"))
    if whole.PixelRepresentation != 0 or in_units or by_frame:
        raise DicomError(f"is a DICOM file that states no window ({_EXPORT})")
    white = 2**whole.BitsStored - 1
    top = int(values.max())
    if whole.BitsStored > 8 and 0 < top < (white + 1) / 16:
        raise DicomError(
            f"is a DICOM file that states no window and would be almost black ({_EXPORT})"
        )
    return float(white)
