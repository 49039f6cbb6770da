"""The image sets that the engine learned from or was measured on, as the catalogue states them."""

from __future__ import annotations

from sgps.datasets.catalogue import ImageSet, image_set, set_names
from tables.cells import table
from tables.reading import Results


def known(results: Results) -> str:
    """A row a set: what it shows, what it was used for, whom to cite, its license, and where the copy was taken."""
    del results
    head = ("set", "shows", "classes used", "from", "license", "copy taken from")
    sets = [image_set(name) for name in set_names()]
    rows = [
        [f"`{own.name}`", own.modality, _used(own), own.reference, own.license, own.source]
        for own in sets
    ]
    return "\n".join(table(head, rows))


def _used(own: ImageSet) -> str:
    learned, kept = len(own.train_labels), len(own.dev_labels)
    parts = [f"{learned} to learn from"] * bool(learned) + [f"{kept} to measure on"] * bool(kept)
    return ", ".join(parts)
