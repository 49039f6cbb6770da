"""The number to watch: few-shot accuracy of features on classes that they have not learned."""

from __future__ import annotations

import pytest
import torch
from pools import SIZE, drawn_pool, start_weights

from sgps.pretraining.validation import Validation
from sgps.target.architecture import build_architecture

ARCHITECTURE = build_architecture("test_efficientnet")


def validation(pool, sources=None):
    chosen = pool.sources if sources is None else sources
    return Validation(ARCHITECTURE, pool, chosen, SIZE, torch.device("cpu"))


def test_classes_that_differ_are_told_apart_and_equal_ones_are_not():
    pool = drawn_pool({"first": 3}, count=30, group_size=1)
    accuracy = validation(pool).accuracy(start_weights())["held_out_accuracy"]
    assert accuracy > 90
    shuffled = pool.images[torch.randperm(90, generator=torch.Generator().manual_seed(0))]
    blind = type(pool)(images=shuffled, groups=pool.groups, sources=pool.sources)
    guessed = validation(blind).accuracy(start_weights())["held_out_accuracy"]
    assert guessed == pytest.approx(100 / 3, abs=12)


def test_the_same_weights_give_the_same_number():
    pool = drawn_pool({"first": 3}, group_size=1)
    one, other = (validation(pool).accuracy(start_weights()) for _ in range(2))
    assert one == other


def test_one_picture_a_group_is_used():
    # Eight groups of three: five for the support leave three queries a class, not nineteen.
    pool = drawn_pool({"first": 2}, count=24, group_size=3)
    ((images, labels),) = validation(pool)._sets
    assert len(images) == len(labels) == 16


def test_nothing_is_said_without_a_set_that_has_enough_groups():
    pool = drawn_pool({"first": 2}, count=10, group_size=2)
    assert validation(pool).accuracy(start_weights()) == {}
    assert validation(pool, ()).accuracy(start_weights()) == {}
