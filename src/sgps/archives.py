"""The files of a folder or a zip, under relative names with forward slashes, each with a way to read its picture.

In: a folder or a zip. Out: a dict from name to `Read`; the name of an empty folder ends in a slash. Hidden files and
`__MACOSX` are left out. A zip is read member by member, never unpacked to disk.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from sgps.errors import InputError
from sgps.images import ImageError, read_image, read_image_bytes

Read = Callable[[int | None], Tensor]
"""`read(image_size)` gives a uint8 picture (3, S, S) or raises `ImageError`; picklable, holds no pixels.

`read(None)` gives it whole, (3, H, W)."""

MANIFEST_NAME = "manifest.csv"
"""The manifest of a folder or zip that has one, at its top."""
PICTURE_EXTENSIONS = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".tif", ".tiff", ".bmp", ".gif"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".jpx"),
    *(".dcm", ".dicom", ".ima", ".heic", ".heif", ".avif", ".jxl"),
)
"""Extensions of pictures, those of kinds that `images` refuses included, so that none vanishes without a word."""
MAX_MEMBER_BYTES = 512 * 1024**2
"""Largest file that is read from a zip: a few bytes of deflated zeros must not fill the memory."""


def is_picture(name: str) -> bool:
    """Whether the extension is a picture's."""
    return Path(name).suffix.lower() in PICTURE_EXTENSIONS


def find_in_folder(folder: Path, name: str) -> Read | None:
    """The picture `name`, relative to `folder` or absolute, if there is such a file."""
    path = folder / name
    return partial(read_image, path) if path.is_file() else None


def files_of_folder(root: Path) -> dict[str, Read]:
    """List all files below `root`."""
    return {name: partial(read_image, path) for name, path in _walk(root, "", frozenset())}


def _walk(folder: Path, prefix: str, above: frozenset[Path]) -> Iterator[tuple[str, Path]]:
    # Links are followed, as data sets are often linked and not copied, save those to a folder above.
    real = folder.resolve()
    entries = [] if real in above else sorted(folder.iterdir())
    entries = [entry for entry in entries if not _is_hidden(entry.name)]
    if not entries and prefix:
        yield prefix, folder
    for entry in entries:
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/", above | {real})
        else:
            yield f"{prefix}{entry.name}", entry


def _is_hidden(part: str) -> bool:
    return part.startswith(".") or part == "__MACOSX"


class ZipFiles:
    """The members of a zip; those in one folder around everything are named as if that folder were the top.

    One handle, opened by the first read, serves all reads of a process, from any thread. It is neither pickled nor
    inherited by a fork, where it would share its position in the file with the parent's.
    """

    def __init__(self, path: Path) -> None:
        """List the members of the zip at `path`.

        Raises:
            InputError: it is not a readable zip.
        """
        self.path = path
        self._opened: tuple[int, zipfile.ZipFile] | None = None
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
        except OSError:
            raise
        except Exception as error:  # a damaged directory raises more than BadZipFile
            raise InputError(f"'{path}' is not a readable zip ({error}). Pack it anew.") from error
        members = {name.replace("\\", "/"): name for name in names}  # as some programs write them
        members = {
            name: member
            for name, member in members.items()
            if not any(_is_hidden(part) for part in name.split("/"))
        }
        prefix = _wrapper(members)
        self.members = {
            name.removeprefix(prefix): member
            for name, member in members.items()
            if name.startswith(prefix) and name != prefix
        }

    def __getstate__(self) -> dict[str, Any]:
        """All but the handle."""
        return {**self.__dict__, "_opened": None}

    def files(self) -> dict[str, Read]:
        """Every member with its read."""
        return {name: partial(self._read, name) for name in self.members}

    def data(self, name: str) -> bytes:
        """Unpack one member.

        Raises:
            ImageError: it is damaged, encrypted, compressed in an unknown way, or too large.
        """
        try:
            if self._opened is None or self._opened[0] != os.getpid():
                self._opened = os.getpid(), zipfile.ZipFile(self.path)
            archive = self._opened[1]
            info = archive.getinfo(self.members[name])
            data = read_member(archive, info, MAX_MEMBER_BYTES)
        except Exception as error:  # BadZipFile, zlib.error, RuntimeError (encrypted), EOFError ...
            raise ImageError(name, f"cannot be unpacked ({error})") from error
        if data is None:
            raise ImageError(name, f"is larger than {MAX_MEMBER_BYTES // 1024**2} MiB")
        return data

    def _read(self, name: str, image_size: int | None) -> Tensor:
        return read_image_bytes(self.data(name), name, image_size)


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes | None:
    """Unpack one member, or none of it if it has more than `most` bytes, whatever size the zip states.

    Of a stored or deflated one no more is unpacked; the other kinds are unpacked as far as they go.
    """
    if info.file_size > most:
        return None
    with archive.open(info) as member:
        data = member.read(most + 1)
    return data if len(data) <= most else None


def _wrapper(names: Collection[str]) -> str:
    """Name the one folder around everything, with its slash, or ""."""
    tops = {name.split("/")[0] for name in names if "/" in name}
    if len(tops) != 1 or any("/" not in name and is_picture(name) for name in names):
        return ""
    prefix = f"{tops.pop()}/"
    inner = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
    if MANIFEST_NAME in names or (
        MANIFEST_NAME not in inner and any("/" not in name and is_picture(name) for name in inner)
    ):
        return ""
    return prefix if MANIFEST_NAME in inner or any("/" in name for name in inner) else ""
