"""Draw the contact sheet of the drawn pictures: `python docs/make_sheet.py` writes docs/drawn.jpg."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from sgps.datasets.drawn import draw_any

SIDE, COLUMNS, ROWS, SEED = 96, 10, 3, 7


def main() -> None:
    """Three rows of lesions, three of cells, every attribute drawn on its own."""
    rows = []
    for kind in range(2):
        for row in range(ROWS):
            numbers = [2 * (row * COLUMNS + column) + kind for column in range(COLUMNS)]
            pictures = [draw_any(SEED, number, SIDE)[2].permute(1, 2, 0) for number in numbers]
            rows.append(np.concatenate([picture.numpy() for picture in pictures], axis=1))
    path = Path(__file__).with_name("drawn.jpg")
    Image.fromarray(np.concatenate(rows)).save(path, quality=88)


if __name__ == "__main__":
    main()
