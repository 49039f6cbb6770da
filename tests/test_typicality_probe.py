"""The probe ranks stranger pictures higher, and shows pictures of other classes and patients only."""

from __future__ import annotations

import numpy as np
import torch
from ablation_tasks import Pool, support_of
from engines import SIZE, colored_support, tiny_engine
from probe_typicality import figures, near_rows, summary

from sgps.evaluation.episodes import Episode
from sgps.labelled import LabelledImage

NAMES = ("blue", "green", "red", "white")
EPISODE = Episode(support=(0, 4, 8), query=(1, 5, 9), classes=NAMES[:3])


def _pool() -> Pool:
    pictures = [
        # Picture 12, a white one, is of the patient of picture 0.
        LabelledImage(f"{row}", NAMES[row // 4], "0" if row == 12 else f"{row}", _no_pixels)
        for row in range(16)
    ]
    return Pool(pictures=tuple(pictures), descriptions={"red": ("a red field",)}, sha256="")


def _no_pixels(_side: int | None) -> torch.Tensor:
    raise AssertionError("no picture is read")


def test_near_pictures_are_of_other_classes_and_of_no_patient_in_the_support() -> None:
    assert sorted(near_rows(EPISODE, _pool(), np.random.default_rng(0))) == [13, 14, 15]


def test_a_user_gives_the_support_with_its_descriptions() -> None:
    images = torch.arange(16, dtype=torch.uint8)[:, None, None, None].expand(16, 3, 2, 2)
    support = support_of(EPISODE, _pool(), images[list(EPISODE.support)])
    assert support.images[:, 0, 0, 0].tolist() == [0, 4, 8]
    assert support.labels.tolist() == [0, 1, 2]
    assert support.descriptions == ((), (), ("a red field",))


def test_noise_is_stranger_than_pictures_of_the_same_kind() -> None:
    network = tiny_engine().synthesize(colored_support((4, 4, 4)))
    draw = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (20, 3, SIZE, SIZE), generator=draw, dtype=torch.uint8)
    parts = {
        "queries": colored_support((6, 6, 6), seed=5).images,
        "near": noise[:0],
        "far": noise,
    }
    found = figures(network, parts)
    assert found["far typicality"] > 95
    assert found["far named"] >= found["queries named"]
    assert set(found) == {"queries named", "far named", "far typicality", "far confidence"}
    assert summary([found, found])["far typicality"].half_width == 0
