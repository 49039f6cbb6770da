"""Find labelled pictures on disk, and the class descriptions beside them.

In: a folder of class folders, a CSV manifest, or a zip of either; a YAML, JSON or TOML file of descriptions.
Out: `LabelledImage` (what, where, which group; pixels are read on demand), `SupportSet`, a dict of texts.

Rules, the same for a folder and a zip:

- A `manifest.csv` at the top decides alone. Else each folder at the top is a class, with its pictures at any depth.
- Hidden files and files that are no pictures by their extension are passed over. Pictures of kinds that cannot be read
  (DICOM, HEIC) are not: they fail when read, because a patient's picture must not vanish without a word.
- A zip may hold everything in one folder at its top.
"""

from __future__ import annotations

import csv
import io
import json
import posixpath
import tomllib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from sgps.archives import (
    MANIFEST_NAME,
    Read,
    ZipFiles,
    files_of_folder,
    find_in_folder,
    is_picture,
)
from sgps.errors import InputError, listing
from sgps.images import MAX_LISTED, ImageError, read_each
from sgps.task import SupportSet, class_descriptions_in_order

_ACCEPTED = "Give a folder of class folders, a CSV manifest, or a zip of either."
_PATH_COLUMNS = ("path", "image")
_EXPECTED = "Map each class to a text or a list of texts."
_PARSERS: dict[str, Callable[[str], Any]] = {
    ".yaml": yaml.safe_load,
    ".yml": yaml.safe_load,
    ".json": json.loads,
    ".toml": tomllib.loads,
}
_KINDS = {
    str: "a text",
    dict: "a mapping",
    list: "a list",
    bool: "a truth value",
    int: "a number",
    float: "a number",
}
# Where several are given, the widest wins: one patient has several lesions, and all must stay together.
_GROUP_COLUMNS = ("group", "patient_id", "lesion_id")


@dataclass(frozen=True)
class LabelledImage:
    """One picture of a labelled set, not read yet."""

    name: str
    """Its path as the set states it, with forward slashes."""
    label: str
    """Name of its class."""
    group: str
    """Pictures of one group (lesion, patient, slide) must stay on one side of any split; its name if none is stated."""
    read: Read
    """`read(image_size)` gives the uint8 picture (3, S, S) or raises `ImageError`."""


def read_labelled(path: Path) -> list[LabelledImage]:
    """List a folder of class folders, a CSV manifest (`path,label[,group]`), or a zip of either, by (label, name).

    Raises:
        InputError: `path` is none of these, a class folder holds no picture, or rows of the manifest are wrong.
    """
    if not path.exists():
        raise InputError(f"'{path}' does not exist. {_ACCEPTED}")
    try:
        if path.is_dir():
            manifest = path / MANIFEST_NAME
            if manifest.is_file():
                return read_labelled(manifest)
            found = _from_class_folders(files_of_folder(path), str(path))
        elif path.suffix.lower() == ".csv":
            find = partial(find_in_folder, path.parent)
            found = _from_manifest(path.read_bytes(), str(path), find)
        elif path.suffix.lower() == ".zip":
            found = _from_zip(path)
        else:
            raise InputError(
                f"'{path}' is neither a folder nor a .csv nor a .zip file. {_ACCEPTED}"
            )
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"cannot read '{path}' ({reason}). Check its permissions.") from error
    return sorted(found, key=lambda image: (image.label, image.name))


def load_support(
    path: Path,
    image_size: int,
    descriptions: Mapping[str, str | Sequence[str]] | None = None,
    on_done: Callable[[], None] | None = None,
) -> SupportSet:
    """Read every picture under `path` into a support set, classes sorted by name; call `on_done` after each picture.

    A class that is only described is a class too. No picture is skipped: an unreadable one is an error.

    Raises:
        InputError: as `read_labelled`; or pictures cannot be used (all are listed); or fewer than 2 classes.
    """
    labelled = read_labelled(path)
    class_names = tuple(sorted({image.label for image in labelled} | set(descriptions or {})))
    texts = class_descriptions_in_order(dict(descriptions or {}), class_names)
    results = read_each([partial(image.read, image_size) for image in labelled], on_done)
    _refuse_unreadable(path, labelled, results)
    return SupportSet(
        images=torch.stack([result for result in results if isinstance(result, Tensor)]),
        labels=torch.tensor([class_names.index(image.label) for image in labelled]),
        class_names=class_names,
        descriptions=texts,
    )


def _refuse_unreadable(
    path: Path, labelled: list[LabelledImage], results: list[Tensor | ImageError]
) -> None:
    pairs = list(zip(labelled, results, strict=True))
    bad = [f"{image.name} {res.reason}" for image, res in pairs if isinstance(res, ImageError)]
    if not bad:
        return
    readable = {image.label for image, result in pairs if isinstance(result, Tensor)}
    bare = sorted({image.label for image in labelled} - readable)
    without = f" No readable picture is left of class {listing(bare, MAX_LISTED)}." if bare else ""
    raise InputError(
        f"{len(bad)} of {len(labelled)} pictures in '{path}' cannot be used: {listing(bad, MAX_LISTED)}.{without} "
        "Repair, convert or remove them."
    )


def _from_zip(path: Path) -> list[LabelledImage]:
    archive = ZipFiles(path)
    files = archive.files()
    if MANIFEST_NAME not in files:
        return _from_class_folders(files, str(path))
    try:
        data = archive.data(MANIFEST_NAME)
    except ImageError as error:
        raise InputError(f"{MANIFEST_NAME} in '{path}' {error.reason}. Pack it anew.") from error
    title = f"{path}/{MANIFEST_NAME}"
    return _from_manifest(data, title, lambda name: files.get(posixpath.normpath(name)))


def _from_class_folders(reads: Mapping[str, Read], title: str) -> list[LabelledImage]:
    contents: dict[str, list[str]] = {}
    for name in sorted(reads):
        top, slash, rest = name.partition("/")
        if slash:
            contents.setdefault(top, []).append(rest)
    stray = sorted(name for name in reads if "/" not in name and is_picture(name))
    if stray:
        raise InputError(
            f"pictures of '{title}' lie outside any class folder: {listing(stray, MAX_LISTED)}. "
            f"Move each into a folder named as its class, or list them in {MANIFEST_NAME}."
        )
    if not contents:
        found = listing(sorted(reads)) or "nothing"
        raise InputError(
            f"'{title}' has no class folder (found {found}). "
            "Put the pictures of each class into a folder named as the class."
        )
    bare = [
        f"{label} (found {listing([rest for rest in rests if rest], 3) or 'nothing'})"
        for label, rests in contents.items()
        if not any(is_picture(rest) for rest in rests)
    ]
    if bare:
        raise InputError(
            f"class folders of '{title}' hold no picture: {listing(bare, MAX_LISTED)}. "
            "Add pictures or remove the folder."
        )
    return [
        LabelledImage(name, name.partition("/")[0], name, read)
        for name, read in reads.items()
        if is_picture(name)
    ]


def _from_manifest(
    data: bytes, title: str, find: Callable[[str], Read | None]
) -> list[LabelledImage]:
    try:
        rows = list(csv.reader(io.StringIO(_decode(data, title), newline=""), strict=True))
    except csv.Error as error:
        raise InputError(f"'{title}' is not readable as CSV ({error}). Save it anew.") from error
    header = [cell.strip().casefold() for cell in rows[0]] if rows else []
    path_columns = [header.index(name) for name in _PATH_COLUMNS if name in header]
    group_columns = [header.index(name) for name in _GROUP_COLUMNS if name in header]
    if not path_columns or "label" not in header:
        found = listing(rows[0] if rows else []) or "none"
        raise InputError(
            f"'{title}' needs the columns path (or image) and label, found: {found}. "
            "Name them in the first row, separated by commas."
        )
    images: list[LabelledImage] = []
    faults: defaultdict[str, list[str]] = defaultdict(list)
    seen: set[str] = set()
    for number, row in enumerate(rows[1:], start=2):
        cells = [cell.strip() for cell in row] + [""] * (len(header) - len(row))
        if not any(cells):
            continue
        name, label = cells[path_columns[0]].replace("\\", "/"), cells[header.index("label")]
        read = find(name) if name else None
        if any(cells[len(header) :]):  # else an unquoted comma would cut a label short
            faults["more cells than columns in row"].append(str(number))
        elif not name:
            faults["no path in row"].append(str(number))
        elif not label:
            faults["no label in row"].append(str(number))
        elif name in seen:
            faults["listed twice"].append(name)
        elif read is None:
            faults["no such file"].append(name)
        else:
            group = next((cells[index] for index in group_columns if cells[index]), name)
            images.append(LabelledImage(name, label, group, read))
        seen.add(name)
    if faults:
        parts = [f"{fault} {listing(which, MAX_LISTED)}" for fault, which in faults.items()]
        raise InputError(
            f"'{title}' has faults: {'; '.join(parts)}. Mend the rows, then try again."
        )
    if not images:
        raise InputError(f"'{title}' lists no picture. Add a row for each.")
    return images


def read_descriptions(path: Path) -> dict[str, list[str]]:
    """Read a YAML, JSON or TOML file (by its extension) that maps each class to a text or a list of texts.

    Raises:
        InputError: the file is missing, of another kind, cannot be parsed, or holds anything but texts.
    """
    parse = _PARSERS.get(path.suffix.lower())
    if parse is None:
        allowed = listing(list(_PARSERS))
        raise InputError(f"'{path}' is none of {allowed}. Give the descriptions as one of these.")
    try:
        content = parse(_decode(path.read_bytes(), str(path)))
    except OSError as error:
        raise InputError(f"cannot read '{path}' ({error.strerror}). Check the path.") from error
    except InputError:
        raise
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"'{path}' cannot be parsed ({reason}). Mend the file.") from error
    if not isinstance(content, dict) or not content:
        raise InputError(f"'{path}' holds {_kind(content)}. {_EXPECTED}")
    faults = [
        f"{name} has {_kind(wrong[0])}" for name in content if (wrong := _not_texts(content[name]))
    ]
    faults += [f"{name} is {_kind(name)}" for name in content if not isinstance(name, str)]
    if faults:
        raise InputError(
            f"'{path}' has faults: {listing(faults, MAX_LISTED)}. {_EXPECTED} "
            "In YAML a class such as 1 or no needs quotes."
        )
    return {
        name: [text.strip() for text in ([value] if isinstance(value, str) else value)]
        for name, value in content.items()
    }


def _decode(data: bytes, title: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"'{title}' is not UTF-8 text. Save it in UTF-8.") from error


def _not_texts(value: object) -> list[object]:
    """Whatever is no text, or blank, among the descriptions of a class."""
    texts = value if isinstance(value, list) and value else [value]
    return [text for text in texts if not isinstance(text, str) or not text.strip()]


def _kind(value: object) -> str:
    if value is None or value in ([], {}) or (isinstance(value, str) and not value.strip()):
        return "nothing"
    return _KINDS.get(type(value), f"a {type(value).__name__}")
