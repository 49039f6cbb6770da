"""Draw the contact sheet of the drawn pictures: `python docs/make_sheet.py` writes docs/drawn.jpg."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from sgps.drawings.tasks import KINDS, draw_any

SIDE, COLUMNS, SEED = 96, 10, 7


def main() -> None:
    """A row of each kind, every attribute drawn on its own."""
    rows = []
    for kind in range(len(KINDS)):
        drawn = [draw_any(SEED, len(KINDS) * n + kind, SIDE)[2] for n in range(COLUMNS)]
        rows.append(np.concatenate([picture.permute(1, 2, 0).numpy() for picture in drawn], axis=1))
    path = Path(__file__).with_name("drawn.jpg")
    Image.fromarray(np.concatenate(rows)).save(path, quality=88)


if __name__ == "__main__":
    main()
