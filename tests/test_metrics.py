"""Metrics against tables computed by hand, and against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from sgps.evaluation import metrics
from sgps.evaluation.metrics import Interval

# Five queries, three classes; the third is answered wrongly, the last is a tie of the first two classes.
PROBABILITIES = np.array(
    [
        [0.70, 0.20, 0.10],
        [0.10, 0.80, 0.10],
        [0.30, 0.50, 0.20],
        [0.05, 0.05, 0.90],
        [0.40, 0.40, 0.20],
    ]
)
LABELS = np.array([0, 1, 0, 2, 0])


def test_accuracy_counts_a_tie_of_two_as_half_a_hit():
    # Hits 1, 1, 0, 1, 1/2.
    assert metrics.accuracy(PROBABILITIES, LABELS) == pytest.approx(100 * 3.5 / 5)


def test_balanced_accuracy_is_the_mean_recall():
    # Recalls (1 + 0 + 1/2) / 3, 1, 1.
    assert metrics.balanced_accuracy(PROBABILITIES, LABELS) == pytest.approx(100 * (0.5 + 2) / 3)


def test_balanced_accuracy_skips_a_class_without_queries():
    assert metrics.balanced_accuracy(PROBABILITIES[:3], LABELS[:3]) == pytest.approx(75)


def test_recalls_are_those_of_the_classes_that_have_queries():
    assert metrics.recalls(PROBABILITIES, LABELS) == pytest.approx({0: 50, 1: 100, 2: 100})
    assert metrics.recalls(PROBABILITIES[:2], LABELS[:2]) == pytest.approx({0: 100, 1: 100})


def test_brier_score_of_a_table_computed_by_hand():
    rows = [0.09 + 0.04 + 0.01, 0.01 + 0.04 + 0.01, 0.49 + 0.25 + 0.04, 0.0025 + 0.0025 + 0.01]
    expected = (sum(rows) + 0.36 + 0.16 + 0.04) / 5
    assert metrics.brier_score(PROBABILITIES, LABELS) == pytest.approx(expected)


def test_selective_accuracy_leaves_out_the_least_sure():
    # The least sure is the tie of the last row, which is worth half a hit.
    assert metrics.selective_accuracy(PROBABILITIES, LABELS) == pytest.approx(100 * 3 / 4)
    assert metrics.selective_accuracy(PROBABILITIES, LABELS, 0.6) == pytest.approx(100)
    whole = metrics.selective_accuracy(PROBABILITIES, LABELS, 1.0)
    assert whole == pytest.approx(metrics.accuracy(PROBABILITIES, LABELS))


def test_of_equally_sure_answers_a_fair_draw_is_kept():
    sure = np.array([[0.9, 0.1], [0.8, 0.2], [0.8, 0.2], [0.8, 0.2], [0.6, 0.4]])
    labels = np.array([0, 0, 1, 1, 0])
    # Of five, three are kept: the first, and two of the three that are equally sure, a third of which are right.
    assert metrics.selective_accuracy(sure, labels, 0.6) == pytest.approx(100 * (1 + 2 / 3) / 3)


def test_eight_tenths_of_fifteen_are_twelve():
    confidence = np.linspace(0.99, 0.6, 15)
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    labels = np.array([0] * 12 + [1] * 3)
    assert metrics.selective_accuracy(probabilities, labels) == pytest.approx(100)


def test_equal_probabilities_score_exactly_chance():
    equal = np.full((5, 3), 1 / 3)
    assert metrics.accuracy(equal, LABELS) == pytest.approx(100 / 3)
    assert metrics.balanced_accuracy(equal, LABELS) == pytest.approx(100 / 3)
    assert metrics.macro_auc(equal, LABELS) == pytest.approx(50)
    assert metrics.expected_calibration_error(equal, LABELS) == pytest.approx(0)
    assert metrics.negative_log_likelihood(equal, LABELS) == pytest.approx(math.log(3))


def test_macro_auc_is_the_mean_of_one_against_the_rest():
    # Class 0: .7 .3 .4 against .1 .05, all six pairs right. Class 1: .8 against all lower. Class 2: .9 likewise.
    assert metrics.macro_auc(PROBABILITIES, LABELS) == pytest.approx(100)
    # Two true class-1 pictures, one of them given to class 0 with certainty. Class 0: .7 .3 .4 against .05 .9, three of
    # six pairs right. Class 1: .05 .8 against .2 .5 .4, three of six.
    swapped = PROBABILITIES[[0, 3, 2, 1, 4]]
    swapped[3, 0] = 0.9
    assert metrics.macro_auc(swapped, np.array([0, 1, 0, 1, 0])) == pytest.approx(50)


def test_macro_auc_of_one_class_does_not_exist():
    assert math.isnan(metrics.macro_auc(PROBABILITIES, np.zeros(5, dtype=np.int64)))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_macro_auc_and_balanced_accuracy_agree_with_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    # Rounding makes ties.
    raw = rng.integers(1, 20, size=(40, 4)).astype(float)
    probabilities = raw / raw.sum(1, keepdims=True)
    labels = rng.permutation(np.arange(40) % 4)
    expected = roc_auc_score(labels, probabilities, multi_class="ovr")
    assert metrics.macro_auc(probabilities, labels) == pytest.approx(100 * expected)
    untied = rng.random((40, 4))
    expected = balanced_accuracy_score(labels, untied.argmax(1))
    assert metrics.balanced_accuracy(untied, labels) == pytest.approx(100 * expected)


def test_outside_pictures_should_be_less_certain_than_queries():
    inside, outside = np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([[0.2, 0.8], [0.4, 0.6]])
    # Of four pairs .9 wins two, and .6 ties with one.
    assert metrics.ood_auroc(inside, outside) == pytest.approx(100 * 2.5 / 4)
    assert metrics.ood_auroc(inside, inside) == pytest.approx(50)
    assert math.isnan(metrics.ood_auroc(inside, np.empty((0, 2))))


def test_calibration_error_of_episodes_pooled_has_the_interval_of_a_bootstrap():
    rng = np.random.default_rng(0)
    episodes, tables, truths = [], [], []
    for _ in range(40):
        raw = rng.random((15, 3))
        tables.append(raw / raw.sum(1, keepdims=True))
        truths.append(rng.integers(0, 3, 15))
        episodes.append(metrics.confidence_bins(tables[-1], truths[-1]))
    interval = metrics.calibration_interval(metrics.stack_bins(episodes))
    pooled = np.concatenate(tables), np.concatenate(truths)
    assert interval.mean == pytest.approx(metrics.expected_calibration_error(*pooled))
    assert interval == metrics.calibration_interval(metrics.stack_bins(episodes))
    # Another bootstrap, by resampling the tables themselves.
    errors = []
    for _ in range(400):
        drawn = rng.integers(0, 40, 40)
        errors.append(
            metrics.expected_calibration_error(
                np.concatenate([tables[i] for i in drawn]),
                np.concatenate([truths[i] for i in drawn]),
            )
        )
    assert interval.half_width == pytest.approx(1.96 * np.std(errors), rel=0.2)
    assert math.isnan(metrics.calibration_interval(metrics.stack_bins(episodes[:1])).half_width)


def test_calibration_error_of_a_table_computed_by_hand():
    # Two bins. Up to .5: confidences .5 and .4, hits 0 and 1/2, gap .4. Above: .7, .8 and .9, three hits, gap .6.
    error = metrics.expected_calibration_error(PROBABILITIES, LABELS, bins=2)
    assert error == pytest.approx((0.4 + 0.6) / 5)


def test_calibration_error_has_fifteen_bins_and_keeps_distant_confidences_apart():
    probabilities = np.array([[0.95, 0.05], [0.55, 0.45]])
    labels = np.array([1, 0])
    # In one bin the two errors would partly cancel.
    assert metrics.ECE_BINS == 15
    assert metrics.expected_calibration_error(probabilities, labels) == pytest.approx(
        (0.95 + 0.45) / 2
    )


def test_full_and_least_confidence_fall_into_bins():
    probabilities = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert metrics.expected_calibration_error(probabilities, np.array([0, 0])) == pytest.approx(0.5)
    assert metrics.expected_calibration_error(np.zeros((1, 2)), np.array([0])) == pytest.approx(0.5)


def test_likelihood_of_a_table_computed_by_hand():
    expected = -math.log(0.7 * 0.8 * 0.3 * 0.9 * 0.4) / 5
    assert metrics.negative_log_likelihood(PROBABILITIES, LABELS) == pytest.approx(expected)


def test_a_certain_wrong_answer_costs_the_floor_and_not_infinity():
    certain = np.array([[1.0, 0.0]])
    assert metrics.negative_log_likelihood(certain, np.array([1])) == pytest.approx(
        7 * math.log(10)
    )


def test_interval_is_1_96_standard_errors():
    # Mean 2.5, sample variance 5/3, four values.
    interval = metrics.mean_ci95([1, 2, 3, 4])
    assert interval.mean == pytest.approx(2.5)
    assert interval.half_width == pytest.approx(1.96 * math.sqrt(5 / 3) / 2)


def test_a_mean_over_pooled_queries_weighs_episodes_by_their_queries():
    interval = metrics.pooled_ci95(np.array([1.0, 3.0]), np.array([30.0, 10.0]))
    assert interval.mean == pytest.approx(1.5)
    # Deviations -.5 and 1.5, times 1.5 and .5: -.75 and .75.
    assert interval.half_width == pytest.approx(1.96 * math.sqrt(2 * 0.75**2) / math.sqrt(2))
    values = np.array([1.0, 2.0, 3.0, 4.0])
    same = metrics.pooled_ci95(values, np.full(4, 15.0))
    assert (same.mean, same.half_width) == pytest.approx(
        (2.5, metrics.mean_ci95(values).half_width)
    )


def test_one_episode_has_no_interval():
    interval = metrics.mean_ci95([7.0])
    assert interval.mean == 7
    assert math.isnan(interval.half_width)


def test_a_constant_paired_difference_has_no_width_however_the_episodes_scatter():
    assert metrics.paired_difference([10, 50, 90], [8, 48, 88]) == Interval(2.0, 0.0)


def test_paired_values_must_be_of_the_same_episodes():
    with pytest.raises(ValueError, match=r"^\(2,\) values against \(3,\): not the same episodes$"):
        metrics.paired_difference([1, 2], [1, 2, 3])


def test_sets_weigh_the_same_and_their_errors_are_independent():
    assert metrics.mean_interval([Interval(10, 3), Interval(20, 4)]) == Interval(15, 2.5)
    assert metrics.mean_interval([Interval(10, 3)]) == Interval(10, 3)
