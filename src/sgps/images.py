"""Read one picture, from wherever it comes, as the uint8 square that everything after it expects.

In: a path, a PIL image, a uint8 array, or the bytes of a file. Out: a uint8 tensor (3, S, S), RGB. The geometry is that
of torchvision's `Resize(S)` and `CenterCrop(S)`, so a synthesized network sees the same pixels when timm serves it.

A picture is refused, with the reason, wherever a silent guess could change what a reader would see in it. The
choices made here, for all sources alike:

- EXIF orientation is applied. Transparent parts become white.
- 16-bit gray is scaled by 1/257 (the stored range 0 to 65535 becomes 0 to 255); "white is zero" is inverted. A picture
  that uses only the lowest 1/16 of that range (12-bit data in a 16-bit file) would turn black, and is refused; so is such a
  PNG or TIFF in color.
- 32-bit and float pixels have no stated range, several frames no stated choice: refused.
- DICOM is known by its first bytes; `dicom.reading` says what it becomes.
- More than `MAX_PIXELS` pixels are refused from the header, before any pixel is decoded.
- JPEG is always decoded in full: Pillow's faster `draft` would make a file differ from the same picture as an array.

Shapes: n pictures, S side of the square in pixels, H W pixels of the source.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from sgps.dicom.header import DicomError
from sgps.dicom.reading import is_dicom, read_dicom
from sgps.errors import InputError, listing, printable

ImageSource = str | Path | Image.Image | np.ndarray[Any, Any]
"""One picture in Python: its path, a PIL image, or a uint8 array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)."""

MAX_PIXELS = 64_000_000
"""Largest picture that is decoded, in pixels: more than any camera's, and 192 MB as RGB."""
MAX_LISTED = 100
"""Offenders named in one message; a count stands for the rest."""

# Formats that only hold pixels. Pillow reads many more, some of which start another program (EPS).
_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000")
_FORMATS_IN_WORDS = "PNG or JPEG or WebP or TIFF or BMP or GIF or PNM or JPEG 2000 or DICOM"
_PLAIN_MODES = ("1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "HSV")
_LONGEST_STRIP = 8  # times its short side; the rest of a longer picture is cut off first
_PHOTOMETRIC_TAG = 262  # of TIFF; 0 means that white is zero


class ImageError(InputError):
    """One picture that cannot be used."""

    def __init__(self, name: str, reason: str) -> None:
        """Remember the picture's `name` and the `reason`, a phrase that goes on from the name ("is empty")."""
        super().__init__(name, reason)
        self.name = name
        self.reason = reason

    def __str__(self) -> str:
        """The message for this picture alone."""
        return f"cannot use picture {self.name}: it {self.reason}. Repair, convert or remove it."


def read_image(source: ImageSource, image_size: int | None) -> Tensor:
    """Read one picture as a uint8 tensor (3, S, S): upright, RGB, short side resized to S (bicubic), center cropped.

    Without an `image_size` it comes whole: upright, RGB, (3, H, W).

    Raises:
        ImageError: the picture is missing, damaged, or of a kind that this module refuses.
    """
    return _read(source, image_size, "given")


def read_image_bytes(data: bytes, name: str, image_size: int | None) -> Tensor:
    """Read a picture from the bytes of its file; `name` stands for it in messages. As `read_image` otherwise."""
    return _read_stream(io.BytesIO(data), name, image_size)


def read_images(
    sources: Sequence[ImageSource], image_size: int, on_done: Callable[[], None] | None = None
) -> Tensor:
    """Read n pictures as one uint8 tensor (n, 3, S, S), calling `on_done` after each.

    Raises:
        InputError: at least one picture cannot be used; the message lists all of them, each with its reason.
    """
    results = read_each(
        [
            partial(_read, source, image_size, f"number {position}")
            for position, source in enumerate(sources, start=1)
        ],
        on_done,
    )
    return all_readable(results, image_size)


def all_readable(results: Sequence[Tensor | ImageError], image_size: int) -> Tensor:
    """Join the n pictures that `read_each` gives as one uint8 tensor (n, 3, S, S).

    Raises:
        InputError: at least one picture cannot be used; the message lists all of them, each with its reason.
    """
    errors = [result for result in results if isinstance(result, ImageError)]
    if errors:
        offenders = listing([f"{error.name} {error.reason}" for error in errors], MAX_LISTED)
        raise InputError(
            f"{len(errors)} of {len(results)} pictures cannot be used: {offenders}. "
            "Repair, convert or remove them."
        )
    tensors = [result for result in results if isinstance(result, Tensor)]
    return torch.stack(tensors) if tensors else empty_images(image_size)


def read_each(
    reads: Iterable[Callable[[], Tensor]], on_done: Callable[[], None] | None = None
) -> list[Tensor | ImageError]:
    """Call every read and keep its picture or its error, so that a caller can report all errors at once."""
    results: list[Tensor | ImageError] = []
    for read in reads:
        try:
            results.append(read())
        except ImageError as error:
            results.append(error)
        if on_done is not None:
            on_done()
    return results


def empty_images(image_size: int) -> Tensor:
    """No picture at all, in the shape of some: (0, 3, S, S)."""
    return torch.empty((0, 3, image_size, image_size), dtype=torch.uint8)


def refuse_undecodable(names: Iterable[str]) -> None:
    """Stop at names of files that are no text: they could be neither printed nor written.

    Raises:
        InputError: some are not UTF-8; all are listed.
    """
    shown = ((name, printable(name)) for name in names)
    if bad := [escaped for name, escaped in shown if escaped != name]:
        raise InputError(
            f"names of pictures are not UTF-8 text: {listing(bad, MAX_LISTED)}. Rename them."
        )


def _read(source: ImageSource, image_size: int | None, name: str) -> Tensor:
    """Send each kind of source its way; `name` stands for a source that has none of its own."""
    if isinstance(source, str | Path):
        return _read_path(Path(source), image_size)
    if isinstance(source, np.ndarray):
        return _to_tensor(_from_array(source, name), name, image_size)
    if isinstance(source, Image.Image):
        return _to_tensor(source, name, image_size)
    raise ImageError(
        name, f"is of type {type(source).__name__} (give a path or a PIL image or a uint8 array)"
    )


def _read_path(path: Path, image_size: int | None) -> Tensor:
    name = str(path)
    try:
        if not path.is_file():  # a device or a pipe could be read without end
            raise ImageError(name, "is not a file" if path.exists() else "does not exist")
        with path.open("rb") as stream:
            return _read_stream(stream, name, image_size)
    except OSError as error:
        raise ImageError(name, f"cannot be opened ({error.strerror})") from error


def _read_stream(stream: BinaryIO, name: str, image_size: int | None) -> Tensor:
    head = stream.read(132)
    if not head:
        raise ImageError(name, "is empty")
    stream.seek(0)
    if is_dicom(head):
        try:
            shown = read_dicom(stream, MAX_PIXELS)
        except DicomError as error:
            raise ImageError(name, str(error)) from None
        return _to_tensor(Image.fromarray(shown), name, image_size)
    try:
        with warnings.catch_warnings():
            # The limit is ours, below; Pillow's warning would only stand beside our message. The filter names one
            # category, so that the worst that two threads restoring it out of order leave behind is that one unheard.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(stream, formats=_FORMATS)
    except UnidentifiedImageError as error:
        raise ImageError(name, f"is not a picture (expected {_FORMATS_IN_WORDS})") from error
    except Image.DecompressionBombError as error:
        raise ImageError(name, _too_large()) from error
    except Exception as error:  # on damaged bytes Pillow raises many kinds, such as struct.error
        raise _damaged(name, error) from error
    with image:
        return _to_tensor(image, name, image_size)


def _from_array(array: np.ndarray[Any, Any], name: str) -> Image.Image:
    if array.dtype != np.uint8:
        raise ImageError(
            name,
            f"is an array of {array.dtype} (expected uint8 from 0 to 255: scale and convert it)",
        )
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))) or array.size == 0:
        shape = " x ".join(map(str, array.shape))
        raise ImageError(
            name, f"is an array of shape {shape} (expected H x W or H x W x 3 or H x W x 4)"
        )
    return Image.fromarray(array)


def _to_tensor(image: Image.Image, name: str, image_size: int | None) -> Tensor:
    """Check, decode and square a picture, if a size is given; `image` itself is left as it was."""
    if image.width * image.height > MAX_PIXELS:
        raise ImageError(name, _too_large(image.size))
    try:
        # The further frames of an MPO, a photograph from a phone or a stereo camera, only accompany the first.
        if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
            raise ImageError(name, "has several frames (save the one you mean as PNG)")
        rgb = _to_rgb(image, name)
        square = rgb if image_size is None else _square(rgb, image_size)
    except ImageError:
        raise
    except Exception as error:  # as above: the pixels are decoded only here
        raise _damaged(name, error) from error
    return torch.from_numpy(np.array(square)).permute(2, 0, 1).contiguous()


def _to_rgb(image: Image.Image, name: str) -> Image.Image:
    deep = _has_16_bit_samples(image)  # asked first: decoding forgets it
    upright = ImageOps.exif_transpose(image)
    # Pillow reads a 16-bit PNM, in older versions a 16-bit PNG too, as mode "I" that ends at 65535.
    wide = image.mode == "I" and image.format in ("PPM", "PNG")
    if image.mode.startswith("I;16") or wide:
        # Pillow inverts such a TIFF of 8 bits, but not of 16.
        inverted = getattr(image, "tag_v2", {}).get(_PHOTOMETRIC_TAG) == 0
        return Image.fromarray(_to_8_bit(np.asarray(upright), inverted, name)).convert("RGB")
    if image.mode in ("I", "F"):
        kind = "32-bit integer" if image.mode == "I" else "float"
        raise ImageError(name, f"has {kind} pixels of no stated range (save it with 8 or 16 bits)")
    # Pillow keeps the high byte of 16-bit color. Nothing in it may be black, or 8 bits whose only byte is the low one.
    if deep and np.asarray(upright.convert("RGB")).max() < 4096 // 256:
        raise ImageError(
            name, "has 16-bit pixels below 4096 (stretch them to 65535 or save 8 bits)"
        )
    if image.has_transparency_data:
        rgba = upright.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    if image.mode not in _PLAIN_MODES:
        raise ImageError(name, f"has pixels of mode {image.mode} (save it as RGB or gray)")
    return upright.convert("RGB")


def _has_16_bit_samples(image: Image.Image) -> bool:
    """Whether the decoder of a PNG or TIFF is set to unpack 16 bits, as `RGB;16B`; never of a picture decoded already."""
    return any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))


def _to_8_bit(values: np.ndarray[Any, Any], inverted: bool, name: str) -> np.ndarray[Any, Any]:
    """Scale 0..65535 to 0..255, to the nearest."""
    top = int(values.max())
    if 0 < top < 4096:
        raise ImageError(
            name, f"has 16-bit pixels of at most {top} (stretch them to 65535 or save 8 bits)"
        )
    scaled = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return 255 - scaled if inverted else scaled


def _square(image: Image.Image, image_size: int) -> Image.Image:
    """Resize the short side to S (bicubic, antialiased) and crop the center, rounding as torchvision does."""
    short = min(image.size)
    # The far ends of a strip never reach the crop, but resizing them (1 x 1,000,000 pixels) would fill the memory.
    longest = _LONGEST_STRIP * short
    image = _center_crop(image, min(image.width, longest), min(image.height, longest))
    width, height = (int(image_size * side / short) for side in image.size)
    image = image.resize((width, height), Image.Resampling.BICUBIC)
    return _center_crop(image, image_size, image_size)


def _center_crop(image: Image.Image, width: int, height: int) -> Image.Image:
    left, top = round((image.width - width) / 2), round((image.height - height) / 2)
    return image.crop((left, top, left + width, top + height))


def _too_large(size: tuple[int, int] | None = None) -> str:
    sides = f" ({size[0]} x {size[1]})" if size else ""
    return f"has too many pixels{sides} (at most {MAX_PIXELS // 1_000_000} million: shrink it)"


def _damaged(name: str, error: Exception) -> ImageError:
    detail = " ".join(str(error).split()) or type(error).__name__
    return ImageError(name, f"is damaged ({detail})")
