"""Find labelled pictures on disk, and the class descriptions beside them.

In: a folder of class folders, a CSV manifest, the published files of ISIC 2018, ISIC 2019 or HAM10000, or a zip of any;
a MedMNIST file; a YAML, JSON or TOML file of descriptions.
Out: `LabelledImage` (what, where, which group; pixels are read on demand), `SupportSet`, a dict of texts.

Rules, the same for a folder and a zip:

- A `manifest.csv` at the top decides alone; without one, the tables of ISIC or HAM10000 do, known by their names. Else
  each folder at the top is a class, with its pictures at any depth; or all are called as parts of a split (`train`, `test`)
  and hold the folders of the classes.
- Labels are brought to Unicode's composed form (NFC), as macOS takes the names of its folders apart.
- Hidden files and files that are no pictures by their extension are passed over. Pictures of kinds that cannot be read
  (HEIC) are not: they fail when read, because a patient's picture must not vanish without a word.
- A zip may hold everything in one folder at its top.
"""

from __future__ import annotations

import json
import posixpath
import tomllib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
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
from sgps.datasets.isic import Place, is_table, read_tables, tables_in
from sgps.datasets.medmnist import read_medmnist
from sgps.errors import InputError, listing
from sgps.images import MAX_LISTED, ImageError, read_each, refuse_undecodable
from sgps.labelled import SPLITS, LabelledImage, decode, joined_groups, table_rows
from sgps.task import SupportSet, class_descriptions_in_order

_ACCEPTED = (
    "Give a folder of class folders, a CSV manifest, a zip of either, or files of ISIC or MedMNIST."
)
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
# The widest first: one patient has several lesions, and all must stay together.
_GROUP_COLUMNS = ("group", "patient_id", "lesion_id")


def read_labelled(path: Path) -> list[LabelledImage]:
    """List a labelled set by (label, name).

    That is a folder of class folders, a CSV manifest (`path,label[,group][,split]`), files of ISIC or HAM10000 (their folder
    or one of their tables), a zip of any, or a MedMNIST file.

    Raises:
        InputError: `path` is none of these, a class folder holds no picture, rows of a table are wrong, or names are not UTF-8.
    """
    if not path.exists():
        raise InputError(f"'{path}' does not exist. {_ACCEPTED}")
    try:
        if path.is_dir():
            found = _from_folder(path)
        elif is_table(path):
            found = _from_official_table(path)
        elif path.suffix.lower() == ".csv":
            find = partial(find_in_folder, path.parent)
            found = _from_manifest(path.read_bytes(), str(path), find)
        elif path.suffix.lower() == ".zip":
            found = _from_zip(path)
        elif path.suffix.lower() == ".npz":
            found = read_medmnist(path)
        else:
            raise InputError(
                f"'{path}' is neither a folder nor a .csv nor a .zip nor a .npz file. {_ACCEPTED}"
            )
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"cannot read '{path}' ({reason}). Check its permissions.") from error
    refuse_undecodable(image.name for image in found)
    composed = [replace(image, label=_composed(image.label)) for image in found]
    return sorted(composed, key=lambda image: (image.label, image.name))


def _composed(label: str) -> str:
    return unicodedata.normalize("NFC", label)


def read_support(path: Path) -> tuple[list[LabelledImage], list[LabelledImage]]:
    """List the pictures under `path` that a classifier is synthesized from, and those that are left out.

    Where pictures are of several splits, those of `train` are the support: it must not hold what the classifier is tested on.
    Pictures that state no split while others do may belong to any, so they count as one more split.

    Raises:
        InputError: as `read_labelled`; or the pictures are of several splits, none of which is `train`.
    """
    pictures = read_labelled(path)
    counts = Counter(picture.split for picture in pictures)
    if len(counts) < 2:
        return pictures, []
    if "train" not in counts:
        splits = [f"{split or 'none stated'} {n}" for split, n in sorted(counts.items())]
        raise InputError(
            f"the pictures in '{path}' are of several splits, and none is train: {listing(splits, MAX_LISTED)}. "
            "Give the pictures of one split alone, or call that split train."
        )
    support = [picture for picture in pictures if picture.split == "train"]
    return support, [picture for picture in pictures if picture.split != "train"]


def load_support(
    path: Path,
    image_size: int,
    descriptions: Mapping[str, str | Sequence[str]] | None = None,
    on_done: Callable[[], None] | None = None,
) -> SupportSet:
    """Read the pictures of `read_support` into a support set; as `support_of`.

    Raises:
        InputError: as `read_support` and `support_of`.
    """
    labelled, _ = read_support(path)
    return support_of(labelled, path, image_size, descriptions, on_done)


def support_of(
    labelled: list[LabelledImage],
    path: Path,
    image_size: int,
    descriptions: Mapping[str, str | Sequence[str]] | None = None,
    on_done: Callable[[], None] | None = None,
) -> SupportSet:
    """Read pictures listed under `path` into a support set, classes sorted by name; call `on_done` after each picture.

    A class that is only described is a class too. None of these pictures is skipped: an unreadable one is an error.

    Raises:
        InputError: pictures cannot be used (all are listed), or fewer than 2 classes.
    """
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


def _from_folder(path: Path) -> list[LabelledImage]:
    manifest, own_table = path / MANIFEST_NAME, path / f"{path.name}.csv"
    if manifest.is_file():
        find = partial(find_in_folder, path)
        return _from_manifest(manifest.read_bytes(), str(manifest), find)
    if is_table(own_table) and own_table.is_file():  # the folder that the zip of a table unpacks to
        return _from_official_table(own_table)
    place = _folder_place(path)
    if tables := tables_in(place):
        return read_tables(tables, place)
    return _from_folders(files_of_folder(path), str(path))


def _from_official_table(path: Path) -> list[LabelledImage]:
    inside = path.parent.resolve().name == path.stem
    root = path.parent.parent if inside else path.parent
    return read_tables([path.relative_to(root).as_posix()], _folder_place(root))


def _folder_place(root: Path) -> Place:
    def data(name: str) -> bytes | None:
        return (root / name).read_bytes() if (root / name).is_file() else None

    return Place(
        str(root), partial(find_in_folder, root), data, lambda name: (root / name).exists()
    )


def _from_zip(path: Path) -> list[LabelledImage]:
    archive = ZipFiles(path)
    files = archive.files()

    def data(name: str) -> bytes | None:
        try:
            return archive.data(name) if name in files else None
        except ImageError as error:
            raise InputError(f"{name} in '{path}' {error.reason}. Pack it anew.") from error

    manifest = data(MANIFEST_NAME)
    if manifest is not None:
        title = f"{path}/{MANIFEST_NAME}"
        return _from_manifest(manifest, title, lambda name: files.get(posixpath.normpath(name)))
    folders = {name.partition("/")[0] for name in files if "/" in name}
    place = Place(str(path), files.get, data, lambda name: name in files or name in folders)
    if tables := tables_in(place):
        return read_tables(tables, place)
    return _from_folders(files, str(path))


def _from_folders(reads: Mapping[str, Read], title: str) -> list[LabelledImage]:
    """Read class folders, or folders called as splits that hold the class folders."""
    tops = {name.partition("/")[0] for name in reads if "/" in name or is_picture(name)}
    if not tops or not all(top.casefold() in SPLITS for top in tops):
        return _from_class_folders(reads, title)
    found: list[LabelledImage] = []
    for top in sorted(tops):
        start, split = f"{top}/", SPLITS[top.casefold()]
        inner = {name[len(start) :]: reads[name] for name in reads if name.startswith(start)}
        for image in _from_class_folders(inner, f"{title}/{top}"):
            name = f"{start}{image.name}"
            found.append(replace(image, name=name, group=name, split=split))
    return found


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
    rows = table_rows(data, title)
    header = [cell.strip().casefold() for cell in rows[0]] if rows else []
    path_columns = [header.index(name) for name in _PATH_COLUMNS if name in header]
    group_columns = {name: header.index(name) for name in _GROUP_COLUMNS if name in header}
    if not path_columns or "label" not in header:
        found = listing(rows[0] if rows else []) or "none"
        raise InputError(
            f"'{title}' needs the columns path (or image) and label, found: {found}. "
            "Name them in the first row, separated by commas."
        )
    images: list[LabelledImage] = []
    stated: list[dict[str, str]] = []
    faults: defaultdict[str, list[str]] = defaultdict(list)
    seen: set[str] = set()
    for number, row in enumerate(rows[1:], start=2):
        cells = [cell.strip() for cell in row] + [""] * (len(header) - len(row))
        if not any(cells):
            continue
        name, label = cells[path_columns[0]].replace("\\", "/"), cells[header.index("label")]
        place, read = posixpath.normpath(name), find(name) if name else None
        if any(cells[len(header) :]):  # else an unquoted comma would cut a label short
            faults["more cells than columns in row"].append(str(number))
        elif not name:
            faults["no path in row"].append(str(number))
        elif not label:
            faults["no label in row"].append(str(number))
        elif place in seen:
            faults["listed twice"].append(name)
        elif read is None:
            faults["no such file"].append(name)
        else:
            split = cells[header.index("split")] if "split" in header else ""
            split = SPLITS.get(split.casefold(), split)
            images.append(LabelledImage(name, label, place, read, split))
            stated.append({c: cells[index] for c, index in group_columns.items() if cells[index]})
        seen.add(place)
    if faults:
        parts = [f"{fault} {listing(which, MAX_LISTED)}" for fault, which in faults.items()]
        raise InputError(
            f"'{title}' has faults: {'; '.join(parts)}. Mend the rows, then try again."
        )
    if not images:
        raise InputError(f"'{title}' lists no picture. Add a row for each.")
    widest = next(iter(group_columns), "")
    if all(widest in row for row in stated):
        stated = [{widest: row[widest]} for row in stated]
    groups = joined_groups(stated)
    return [
        replace(image, group=group or image.group)
        for image, group in zip(images, groups, strict=True)
    ]


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
        content = parse(decode(path.read_bytes(), str(path)))
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
    if twice := [name for name, count in Counter(map(_composed, content)).items() if count > 1]:
        raise InputError(
            f"'{path}' describes {listing(twice)} twice, spelled in two forms of Unicode. Keep one of each."
        )
    return {
        _composed(name): [text.strip() for text in ([value] if isinstance(value, str) else value)]
        for name, value in content.items()
    }


def _not_texts(value: object) -> list[object]:
    """Whatever is no text, or blank, among the descriptions of a class."""
    texts = value if isinstance(value, list) and value else [value]
    return [text for text in texts if not isinstance(text, str) or not text.strip()]


def _kind(value: object) -> str:
    if value is None or value in ([], {}) or (isinstance(value, str) and not value.strip()):
        return "nothing"
    return _KINDS.get(type(value), f"a {type(value).__name__}")
