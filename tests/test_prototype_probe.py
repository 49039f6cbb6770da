"""Where features are centered decides what prototypes see; the benchmark's own are among the rows."""

from __future__ import annotations

import pytest
import torch
from probe_prototypes import CLASSES, CUTS, SIDE, by_center, cut_out

from sgps.evaluation.episodes import sample_episodes
from sgps.labelled import LabelledImage


def _episodes(labels, shot):
    groups = [str(place) for place in range(len(labels))]
    return sample_episodes(
        labels, groups, n_way=3, n_shot=shot, n_query=5, n_episodes=20, seed=0, classes=CLASSES
    )


def _scored(far):
    """Classes that are told apart by their direction from the middle of the pool, which lies `far` away."""
    draw = torch.Generator().manual_seed(0)
    labels = [name for name in (*CLASSES, "nv") for _ in range(12)]
    places = torch.eye(4, 16).repeat_interleave(12, 0)
    features = 2 * places + torch.randn(len(labels), 16, generator=draw) + far
    return by_center("whole", features, labels, {1: _episodes(labels, 1), 5: _episodes(labels, 5)})


def test_the_middle_of_the_pool_is_worth_more_than_that_of_a_few_pictures():
    support, pool = _scored(far=20.0)
    assert (support["center"], pool["center"]) == ("support", "all pictures")
    assert pool["1"][0] > support["1"][0] + 3
    for row in (support, pool):
        assert row["5"][0] > row["1"][0] > 40


def test_five_pictures_of_classes_far_apart_are_enough():
    draw = torch.Generator().manual_seed(0)
    labels = [name for name in (*CLASSES, "nv") for _ in range(12)]
    features = torch.eye(4, 16).repeat_interleave(12, 0) + 0.01 * torch.rand(
        len(labels), 16, generator=draw
    )
    for row in by_center("whole", features, labels, {5: _episodes(labels, 5)}):
        assert row["5"] == [100.0, 0.0]


def test_a_squashed_picture_is_whole():
    def read(size):
        assert size is None
        return torch.arange(200, dtype=torch.uint8)[None, None, :].expand(3, SIDE, -1)

    cut = cut_out([LabelledImage(name="wide", label="akiec", group="one", read=read)], None)
    assert cut.shape == (1, 3, SIDE, SIDE)
    assert (int(cut[0, 0, 0, 0]), int(cut[0, 0, 0, -1])) == (0, 199)


@pytest.mark.parametrize("side", [side for side in CUTS.values() if side])
def test_the_middle_is_cut_out(side):
    def read(size):
        return torch.arange(size, dtype=torch.uint8)[None, :, None].expand(3, -1, size)

    picture = LabelledImage(name="rows", label="akiec", group="one", read=read)
    cut = cut_out([picture], side)
    assert cut.shape == (1, 3, SIDE, SIDE)
    first, last = int(cut[0, 0, 0, 0]), int(cut[0, 0, -1, 0])
    assert (first, last) == ((side - SIDE) // 2, side - 1 - (side - SIDE + 1) // 2)
