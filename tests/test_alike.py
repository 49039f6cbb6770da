"""Pictures that show the same are found, and those that are only composed alike are not."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from drawing import encoded, noise
from PIL import Image, ImageDraw

from sgps.evaluation import alike
from sgps.evaluation.alike import Alike, find_alike, fingerprint


def lesion(seed: int) -> Image.Image:
    """A dark blot in the middle of a bright field, as all such pictures are, with its own blotches."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (120, 90), (220, 180, 160))
    draw = ImageDraw.Draw(image)
    draw.ellipse((30, 15, 90, 75), fill=(120, 70, 50))
    for _ in range(12):
        x, y = rng.integers(35, 75), rng.integers(20, 60)
        side = int(rng.integers(4, 14))
        color = tuple(int(c) for c in rng.integers(20, 200, 3))
        draw.ellipse((x, y, x + side, y + side), fill=color)
    return image


def prints_of(*images: Image.Image) -> list[alike.Fingerprint]:
    return [
        fingerprint(torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1))
        for image in images
    ]


def again(image: Image.Image) -> Image.Image:
    return Image.open(io.BytesIO(encoded(image, "JPEG", quality=80)))


def test_equal_pixels_are_exact() -> None:
    prints = prints_of(lesion(0), lesion(1), lesion(0))
    assert find_alike(prints) == [Alike((0, 2), True)]


@pytest.mark.parametrize(
    "change",
    [again, lambda image: image.resize((240, 180)), lambda image: image.point(lambda v: v * 0.9)],
    ids=["compressed", "resized", "darker"],
)
def test_a_changed_copy_is_near(change) -> None:
    prints = prints_of(lesion(0), lesion(1), change(lesion(0)), lesion(2))
    assert find_alike(prints) == [Alike((0, 2), False)]


def test_equal_and_near_ones_come_as_one_set() -> None:
    prints = prints_of(lesion(0), again(lesion(0)), lesion(0))
    assert find_alike(prints) == [Alike((0, 1, 2), False)]


def test_pictures_that_are_composed_alike_are_told_apart() -> None:
    prints = prints_of(*(lesion(seed) for seed in range(40)))
    bits = np.stack([one.bits for one in prints])
    close = (bits[:, None] != bits).sum(axis=2) <= alike.MAX_BITS
    assert np.triu(close, 1).sum() > 20  # by the hash alone
    assert find_alike(prints) == []


def test_blank_pictures_are_alike_only_if_they_are_equal() -> None:
    black, gray = (Image.new("RGB", (40, 40), color) for color in ("black", "gray"))
    assert find_alike(prints_of(black, gray)) == []
    assert find_alike(prints_of(black, black)) == [Alike((0, 1), True)]


def test_blocks_find_what_one_block_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    images = [lesion(seed) for seed in range(8)]
    prints = prints_of(*images, *map(again, images))
    whole = find_alike(prints)
    assert [one.members for one in whole] == [(n, n + 8) for n in range(8)]
    monkeypatch.setattr(alike, "_BLOCK", 3)
    monkeypatch.setattr(alike, "_PAIRS_AT_ONCE", 1)
    assert find_alike(prints) == whole


def test_nothing_is_like_nothing() -> None:
    assert find_alike([]) == []
    assert find_alike(prints_of(Image.fromarray(noise(9, 9)))) == []
