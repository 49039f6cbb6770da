"""The balanced accuracy of ISIC 2018 task 3, against a table computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sgps.evaluation.isic_score import isic_balanced_accuracy, picture_id
from sgps.evaluation.metrics import balanced_accuracy

# name, MEL, NV, BCC, truth, what the challenge makes of it
TABLE = [
    ("ISIC_0000001", 0.7, 0.2, 0.1, 0, "right"),
    ("ISIC_0000002.jpg", 0.2, 0.5, 0.3, 0, "wrong"),
    ("ISIC_0000003", 0.4, 0.4, 0.2, 0, "undecided, so wrong"),
    ("ham/ISIC_0000004.JPG", 0.6, 0.3, 0.1, 0, "right"),
    ("ISIC_0000005", 0.1, 0.8, 0.1, 1, "right"),
    ("ISIC_0035068", 0.9, 0.1, 0.0, 1, "wrong, without weight"),
]
NAMES = [row[0] for row in TABLE]
PROBABILITIES = np.array([row[1:4] for row in TABLE])
TRUTH = np.array([row[4] for row in TABLE])


def test_the_score_of_a_table_computed_by_hand():
    # MEL 2 of 4, NV 1 of the 1 that counts, BCC not there.
    expected = 100 * (0.5 + 1) / 2
    assert isic_balanced_accuracy(PROBABILITIES, TRUTH, NAMES) == pytest.approx(expected)


def test_ours_gives_ties_a_fair_share_and_every_picture_a_weight():
    assert balanced_accuracy(PROBABILITIES, TRUTH) == pytest.approx(100 * (2.5 / 4 + 0.5) / 2)


@pytest.mark.parametrize("name", ["ISIC_0035068", "ISIC_0035068.jpg", "images/ISIC_0035068.jpg"])
def test_the_picture_without_weight_changes_nothing_however_it_is_named(name):
    named = [*NAMES[:-1], name]
    without = isic_balanced_accuracy(PROBABILITIES[:-1], TRUTH[:-1], NAMES[:-1])
    assert isic_balanced_accuracy(PROBABILITIES, TRUTH, named) == pytest.approx(without)


def test_a_class_of_weightless_pictures_only_is_skipped():
    only = isic_balanced_accuracy(PROBABILITIES[[0, 5]], TRUTH[[0, 5]], [NAMES[0], NAMES[5]])
    assert only == pytest.approx(100)
    assert math.isnan(isic_balanced_accuracy(PROBABILITIES[5:], TRUTH[5:], NAMES[5:]))


def test_equal_probabilities_decide_nothing():
    assert isic_balanced_accuracy(np.full((6, 3), 1 / 3), TRUTH, NAMES) == 0


def test_only_the_extension_of_a_picture_is_cut_off():
    assert picture_id("a/b/x.1.png") == "x.1"
    assert picture_id("x.1") == "x.1"
