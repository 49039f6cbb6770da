"""Draw the contact sheet of the drawn pictures: `python docs/make_sheet.py` writes docs/drawn.jpg."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from sgps.drawings.tasks import KINDS, draw_any

SIDE, COLUMNS, ROWS, SEED = 96, 10, 2, 7


def main() -> None:
    """Two rows of each kind, every attribute drawn on its own."""
    rows = []
    for kind in range(len(KINDS)):
        for row in range(ROWS):
            numbers = range(row * COLUMNS, (row + 1) * COLUMNS)
            drawn = [draw_any(SEED, len(KINDS) * number + kind, SIDE)[2] for number in numbers]
            pictures = [picture.permute(1, 2, 0) for picture in drawn]
            rows.append(np.concatenate([picture.numpy() for picture in pictures], axis=1))
    path = Path(__file__).with_name("drawn.jpg")
    Image.fromarray(np.concatenate(rows)).save(path, quality=88)


if __name__ == "__main__":
    main()
