"""A classifier's folder as one zip, for the browser: written for download, and read back.

The zip holds the folder `classifier`, as `sgps synthesize` writes it. What is read may be any zip of such a folder.
"""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from sgps.errors import InputError
from sgps.target.checkpoint import TargetNetwork
from sgps.target.folder import CONFIG_FILE, WEIGHTS_FILE
from sgps.target.typicality import TYPICALITY_FILE

_READ = (CONFIG_FILE, WEIGHTS_FILE, TYPICALITY_FILE)
_MAX_FILE_BYTES = 512 * 2**20
"""Largest file in a zip that is read: a few bytes of deflated zeros must not fill the memory."""


def packed(network: TargetNetwork) -> bytes:
    """The zip of a classifier; the same bytes for the same classifier."""
    data = io.BytesIO()
    with tempfile.TemporaryDirectory() as place, zipfile.ZipFile(data, "w") as archive:
        folder = Path(place) / "classifier"
        network.save(folder)
        for path in sorted(folder.iterdir()):
            # Named without the hour.
            archive.writestr(zipfile.ZipInfo(f"classifier/{path.name}"), path.read_bytes())
    return data.getvalue()


def unpacked(data: bytes) -> TargetNetwork:
    """Read the classifier in a zip.

    Raises:
        InputError: it is no zip of a classifier's folder, or is damaged.
    """
    with tempfile.TemporaryDirectory() as place:
        # Under names of our own: what a zip calls its files could lead anywhere.
        folder = Path(place)
        for name, content in _files(data).items():
            (folder / name).write_bytes(content)
        try:
            return TargetNetwork.load(folder)
        except InputError as error:
            raise InputError(str(error).replace(f"{folder}/", "")) from error


def _files(data: bytes) -> dict[str, bytes]:
    """The files that make a classifier, by name, from the one folder of the zip that has them."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            paths = [PurePosixPath(name) for name in archive.namelist()]
            folders = {path.parent for path in paths if path.name == CONFIG_FILE}
            if len(folders) != 1:
                raise InputError(
                    f"the zip holds {len(folders)} classifiers. Give the zip of one classifier's folder."
                )
            chosen = {
                path.name: archive.getinfo(str(path))
                for path in paths
                if path.name in _READ and path.parent in folders
            }
            if max(info.file_size for info in chosen.values()) > _MAX_FILE_BYTES:
                raise InputError("the zip holds a file that is too large for a classifier.")
            return {name: archive.read(info) for name, info in chosen.items()}
    except InputError:
        raise
    except Exception as error:  # BadZipFile, zlib.error, RuntimeError (encrypted), KeyError ...
        raise InputError(f"the classifier's file is not a readable zip ({error}).") from error
