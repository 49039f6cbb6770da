"""Note in the folder of a run what it is made of, so that it never goes on with anything else.

In: a recipe, a start, image-set archives. Out: `recipe.json`, and in `learned_from.json` the digests of start and pictures.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from sgps.archives import is_picture
from sgps.errors import InputError, listing
from sgps.files import write_whole
from sgps.pretraining.config import Recipe, network_content
from sgps.pretraining.pool import metadata_of, train_items

_RECIPE = "recipe.json"
_LEARNED_FROM = "learned_from.json"


def refuse_other_recipe(out: Path, recipe: Recipe, has_begun_episodes: bool) -> None:
    """Stop if the folder is another recipe's; before episodes begin, only what decides the networks counts.

    Raises:
        InputError: it is, and what differs is named; or the note is damaged.
    """
    before = _read(out / _RECIPE)
    if before is None:
        return
    now: dict[str, object] = json.loads(json.dumps(recipe.content()))
    if not has_begun_episodes:
        before, now = network_content(before), network_content(now)
    changed = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
    if changed:
        raise InputError(
            f"'{out}' belongs to another recipe; these differ: {listing(changed)}. "
            "Name another --out, or restore the recipe."
        )


def learned_from(start_sha256: str, archives: Sequence[Path], max_images: int) -> dict[str, str]:
    """Digests of the start and, by its name, of each set: what is learned from, without a picture being read."""
    sets = {archive.stem: _set_digest(archive, max_images) for archive in archives}
    return {"start": start_sha256, **sets}


def _set_digest(archive: Path, max_images: int) -> str:
    """SHA-256 of name, label and group of what may be learned from, of the pictures' checksums in the zip, and of metadata."""
    items = [(item.name, item.label, item.group) for item in train_items(archive, max_images)]
    with zipfile.ZipFile(archive) as opened:
        members = opened.infolist()
    sums = sorted((one.filename, one.CRC) for one in members if is_picture(one.filename))
    metadata = metadata_of(archive)
    table = hashlib.sha256(metadata.read_bytes()).hexdigest() if metadata.exists() else None
    return hashlib.sha256(json.dumps([items, sums, table]).encode()).hexdigest()


def refuse_other_pictures(out: Path, now: Mapping[str, str]) -> None:
    """Stop if the run began with another start or other pictures; a folder without such a note is taken as it is.

    Raises:
        InputError: it did, and what differs, is missing or new is named; or the note is damaged.
    """
    before = _read(out / _LEARNED_FROM)
    if before is None:
        return
    kinds = {
        "differ": [name for name in before if name in now and before[name] != now[name]],
        "are missing": [name for name in before if name not in now],
        "are new": [name for name in now if name not in before],
    }
    parts = [f"these {kind}: {listing(sorted(names))}" for kind, names in kinds.items() if names]
    if parts:
        raise InputError(
            f"'{out}' has learned from other data; {'; '.join(parts)}. Name another --out, or restore the data."
        )


def write_notes(out: Path, recipe: Recipe, learned: Mapping[str, str]) -> None:
    """Note recipe, start and pictures."""
    out.mkdir(parents=True, exist_ok=True)
    for name, content in ((_RECIPE, recipe.content()), (_LEARNED_FROM, learned)):
        write_whole(out / name, (json.dumps(content, indent=2) + "\n").encode("utf-8"))


def _read(path: Path) -> dict[str, object] | None:
    """What a note says; none if there is none."""
    if not path.exists():
        return None
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        raise InputError(
            f"{path} is damaged. Remove it if the folder is this recipe's, or name another --out."
        ) from None
