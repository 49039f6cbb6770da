"""Read the ISIC challenges of 2018 (task 3) and 2019, and HAM10000, as they are published.

In: the official tables and the pictures, lying together as their zips unpack. Out: `LabelledImage`s, with the lesion
as the group wherever a table states it, and the part of the official split.

Two kinds of table: ground truths with a column a class (`image,MEL,NV,...`, 1.0 where it applies), and metadata with
the columns `image_id,dx,lesion_id`. Labels are in lower case, so that they are the class names of HAM10000 in the catalogue.
docs/datasets.md tells where to download what.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sgps.archives import Read
from sgps.errors import InputError, listing
from sgps.images import MAX_LISTED
from sgps.labelled import LabelledImage, table_rows

_CLASSES = ("MEL", "NV", "BCC", "AKIEC", "AK", "BKL", "DF", "VASC", "SCC", "UNK")
_EXTENSIONS = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True, kw_only=True)
class _Part:
    """One table of a challenge, with what belongs to it."""

    challenge: str
    """Name of the challenge; the parts of one may be read together."""
    table: str
    """File name of the table."""
    pictures: tuple[str, ...]
    """Folders of its pictures."""
    split: str = ""
    """What the official split calls it."""
    lesions: str = ""
    """File name of the table of lesions, if one was published."""


def _part(challenge: str, stem: str, split: str, lesions: str = "") -> _Part:
    return _Part(
        challenge=challenge,
        table=f"{stem}_GroundTruth.csv",
        pictures=(f"{stem}_Input",),
        split=split,
        lesions=lesions and f"{stem}_{lesions}.csv",
    )


_PARTS = {
    part.table: part
    for part in (
        _part("ISIC 2018 task 3", "ISIC2018_Task3_Training", "train", "LesionGroupings"),
        _part("ISIC 2018 task 3", "ISIC2018_Task3_Validation", "val"),
        _part("ISIC 2018 task 3", "ISIC2018_Task3_Test", "test"),
        _part("ISIC 2019", "ISIC_2019_Training", "train", "Metadata"),
        _part("ISIC 2019", "ISIC_2019_Test", "test"),
        _Part(
            challenge="HAM10000",
            table="HAM10000_metadata.csv",
            pictures=("HAM10000_images_part_1", "HAM10000_images_part_2"),
        ),
    )
}


@dataclass(frozen=True)
class Place:
    """A folder or a zip, as far as this module looks into it."""

    title: str
    """Its path, for messages."""
    find: Callable[[str], Read | None]
    """The picture of that relative name, if there is one."""
    data: Callable[[str], bytes | None]
    """The content of that file, if there is one."""
    has: Callable[[str], bool]
    """Whether there is such a file or folder."""


def is_table(path: Path) -> bool:
    """Whether the file is called as one of the official tables."""
    return path.name in _PARTS


def tables_in(place: Place) -> list[str]:
    """Name the official tables at the top or in the folders that their zips unpack to.

    Raises:
        InputError: official pictures lie there without their table, or the tables belong to several challenges.
    """
    tables = []
    for part in _PARTS.values():
        names = (part.table, f"{Path(part.table).stem}/{part.table}")
        found = next((name for name in names if place.has(name)), None)
        if found is not None:
            tables.append(found)
        elif any(place.has(name) or Path(place.title).name == name for name in part.pictures):
            raise InputError(
                f"'{place.title}' holds pictures of {part.challenge} without {part.table}. "
                "Put this table beside them; docs/datasets.md names the download page."
            )
    challenges = sorted({_PARTS[Path(name).name].challenge for name in tables})
    if len(challenges) > 1:  # one has other classes than the other, and many of the same pictures
        raise InputError(
            f"'{place.title}' holds tables of {listing(challenges)}. Give one of the tables by its path."
        )
    return tables


def read_tables(tables: list[str], place: Place) -> list[LabelledImage]:
    """List the pictures of these tables.

    Raises:
        InputError: a table lacks columns, rows are wrong, or pictures are missing; all offenders are listed.
    """
    return [image for table in tables for image in _read_table(table, place)]


@dataclass(frozen=True)
class _Row:
    image: str
    label: str
    lesion: str


def _read_table(table: str, place: Place) -> list[LabelledImage]:
    part = _PARTS[Path(table).name]
    rows = _rows(table, place)
    lesions = _lesions(part, table, place)
    missing: list[str] = []
    bare: list[str] = []
    images: list[LabelledImage] = []
    for row in rows:
        name, read = _find(row.image, part, table, place)
        if lesions is not None and row.image not in lesions:
            bare.append(row.image)
        if read is None:
            missing.append(row.image)
            continue
        lesion = row.lesion or (lesions or {}).get(row.image, "")
        images.append(LabelledImage(name, row.label, lesion or name, read, part.split))
    if missing:
        raise InputError(
            f"{len(missing)} of {len(rows)} pictures of {part.table} are missing in '{place.title}': {listing(missing)}. "
            f"Unpack {' and '.join(f'{folder}.zip' for folder in part.pictures)} beside it, or remove what has no picture."
        )
    if bare:
        raise InputError(
            f"{part.lesions} in '{place.title}' has no row for {listing(bare)}. Download it anew."
        )
    return images


def _find(image: str, part: _Part, table: str, place: Place) -> tuple[str, Read | None]:
    beside = posixpath.dirname(table)
    places = [f"{above}{folder}" for folder in part.pictures for above in ("", f"{folder}/")]
    for folder in (*places, "", beside):
        for extension in _EXTENSIONS:
            name = posixpath.join(folder, image + extension)
            read = place.find(name)
            if read is not None:
                return name, read
    return image, None


def _rows(table: str, place: Place) -> list[_Row]:
    title = f"{place.title}/{table}"
    cells = table_rows(place.data(table) or b"", title)
    header = [cell.strip() for cell in cells[0]] if cells else []
    classes = [(header.index(name), name.lower()) for name in _CLASSES if name in header]
    one_hot = "image" in header and len(classes) > 1
    if not one_hot and not {"image_id", "dx"} <= set(header):
        found = listing(header) or "none"
        raise InputError(
            f"'{title}' needs the columns image and one for each class, or image_id and dx, found: {found}. "
            "Download it anew."
        )
    rows: list[_Row] = []
    faults: defaultdict[str, list[str]] = defaultdict(list)
    for number, row in enumerate(cells[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        cell = dict(zip(header, map(str.strip, row), strict=False))
        stated = [name for index, name in classes if _is_one(row, index)]
        labels = stated if one_hot else [cell.get("dx", "").lower()]
        image = cell.get("image" if one_hot else "image_id", "").removesuffix(".jpg")
        if not image or len(labels) != 1 or not labels[0]:
            faults["not one picture with one class in row"].append(str(number))
        rows.append(_Row(image, "".join(labels[:1]), "" if one_hot else cell.get("lesion_id", "")))
    seen: set[str] = set()
    for entry in rows:
        if entry.image in seen:
            faults["listed twice"].append(entry.image)
        seen.add(entry.image)
    if faults:
        parts = [f"{fault} {listing(which, MAX_LISTED)}" for fault, which in faults.items()]
        raise InputError(f"'{title}' has faults: {'; '.join(parts)}. Download it anew.")
    if not rows:
        raise InputError(f"'{title}' lists no picture. Download it anew.")
    return rows


def _is_one(row: list[str], index: int) -> bool:
    try:
        return float(row[index]) == 1
    except (IndexError, ValueError):
        return False


def _lesions(part: _Part, table: str, place: Place) -> dict[str, str] | None:
    """Picture to lesion; empty where the lesion of a picture is not known. None: the table is not there."""
    if not part.lesions:
        return None
    folder = Path(part.lesions).stem
    places = (part.lesions, posixpath.join(posixpath.dirname(table), part.lesions))
    for name in (*places, f"{folder}/{part.lesions}"):
        data = place.data(name)
        if data is None:
            continue
        cells = table_rows(data, f"{place.title}/{name}")
        header = [cell.strip() for cell in cells[0]] if cells else []
        if not {"image", "lesion_id"} <= set(header):
            raise InputError(
                f"'{place.title}/{name}' needs the columns image and lesion_id, found: {listing(header) or 'none'}. "
                "Download it anew."
            )
        image, lesion = header.index("image"), header.index("lesion_id")
        width = max(image, lesion)
        return {row[image].strip(): row[lesion].strip() for row in cells[1:] if len(row) > width}
    return None
