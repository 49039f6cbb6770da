"""Write a folder or a file whole or not at all."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sgps.errors import InputError


def refuse_existing(path: Path) -> None:
    """Stop early where something would be overwritten.

    Raises:
        InputError: `path` exists.
    """
    if path.exists():
        raise InputError(f"'{path}' exists already. Choose another name or remove it.")


def refuse_unwritable(path: Path, advice: str) -> None:
    """Stop before hours of work if a file or folder, or the folder where it is to be made, cannot be written.

    Raises:
        InputError: it cannot; `advice` is the next step.
    """
    place = next(one for one in (path, *path.absolute().parents) if one.exists())
    try:
        tempfile.TemporaryFile(dir=place).close()
    except OSError as error:
        raise InputError(f"cannot write '{path}': {error.strerror or error}. {advice}") from error


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder that becomes `path` at the end, or vanishes if anything fails.

    Raises:
        InputError: `path` exists already, or cannot be written.
    """
    refuse_existing(path)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        partial.mkdir(parents=True)
        yield partial
        partial.rename(path)
    except OSError as error:
        raise InputError(f"cannot write '{path}': {error.strerror or error}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_whole(path: Path, data: bytes) -> None:
    """Write beside the file and rename, so that no half of it is ever left under its name."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
