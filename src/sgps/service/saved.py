"""A classifier's folder as one zip, for the browser: written for download, and read back.

The zip holds the folder `classifier`, as `sgps synthesize` writes it. What is read may be any zip of such a folder. Either way
the files lie in a temporary folder for a moment.
"""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from sgps.archives import read_member
from sgps.errors import InputError
from sgps.target.checkpoint import TargetNetwork
from sgps.target.folder import CONFIG_FILE, WEIGHTS_FILE
from sgps.target.typicality import TYPICALITY_FILE

_MIB = 2**20
_MAX_BYTES = {CONFIG_FILE: 4 * _MIB, WEIGHTS_FILE: 256 * _MIB, TYPICALITY_FILE: 16 * _MIB}
"""The files that make a classifier, and the most that is unpacked of each: a few bytes of zeros must not fill the memory."""
# The only ones that zipfile unpacks no further than asked.
_KINDS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def packed(network: TargetNetwork) -> bytes:
    """The zip of a classifier; the same bytes for the same classifier.

    Raises:
        InputError: the temporary folder cannot be written.
    """
    data = io.BytesIO()
    with _temporary_folder() as place, zipfile.ZipFile(data, "w") as archive:
        folder = place / "classifier"
        network.save(folder)
        for path in sorted(folder.iterdir()):
            # Named without the hour.
            archive.writestr(zipfile.ZipInfo(f"classifier/{path.name}"), path.read_bytes())
    return data.getvalue()


def unpacked(data: bytes) -> TargetNetwork:
    """Read the classifier in a zip.

    Raises:
        InputError: it is no zip of a classifier's folder, or is damaged, or the temporary folder cannot be written.
    """
    files = _files(data)
    with _temporary_folder() as folder:
        # Under names of our own: what a zip calls its files could lead anywhere.
        for name, content in files.items():
            (folder / name).write_bytes(content)
        try:
            return TargetNetwork.load(folder)
        except InputError as error:
            raise InputError(str(error).replace(f"{folder}{os.sep}", "")) from error


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    try:
        with tempfile.TemporaryDirectory() as place:
            yield Path(place)
    except OSError as error:
        raise InputError(
            f"the temporary folder cannot be written: {error.strerror or error}. Make room on the disk."
        ) from error


def _files(data: bytes) -> dict[str, bytes]:
    """The files that make a classifier, by name, from the one folder of the zip that has them."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(PurePosixPath(info.filename), info) for info in archive.infolist()]
            folders = {path.parent for path, _ in members if path.name == CONFIG_FILE}
            if len(folders) != 1:
                raise InputError(
                    f"the zip holds {len(folders)} classifiers. Give the zip of one classifier's folder."
                )
            return {
                path.name: _unpacked(archive, info, _MAX_BYTES[path.name])
                for path, info in members
                if path.parent in folders and path.name in _MAX_BYTES
            }
    except InputError:
        raise
    except Exception as error:  # BadZipFile, zlib.error, RuntimeError (encrypted) ...
        raise InputError(f"the classifier's file is not a readable zip ({error}).") from error


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    if info.compress_type not in _KINDS:
        raise InputError("the zip is compressed in an unusual way. Pack it anew, by deflation.")
    content = read_member(archive, info, most)
    if content is None:
        raise InputError(f"'{PurePosixPath(info.filename).name}' in the zip is too large.")
    return content
