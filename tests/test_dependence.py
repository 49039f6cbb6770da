"""How weights vary between tasks and within them, on numbers small enough to do by hand."""

from __future__ import annotations

import math

import pytest
import torch

from sgps.evaluation.dependence import TaskWeights, Variance, mean_variance, variances


def _task(*episodes):
    task = TaskWeights()
    for values in episodes:
        task.add({"weight": torch.tensor(values)})
    return task


def test_variance_is_split_as_by_hand():
    # Means 2 and 6, variance 2 in either task; the means' variance 8 holds 2 / 2 of chance; mean square 84 / 4.
    found = variances([_task([1.0], [3.0]), _task([5.0], [7.0])])["weight"]
    assert found.within == pytest.approx(2 / 21)
    assert found.between == pytest.approx(7 / 21)
    assert found.share == pytest.approx(7 / 9)


def test_elements_of_a_tensor_count_alike():
    # The first element as above, the second always 3.
    found = variances([_task([1.0, 3.0], [3.0, 3.0]), _task([5.0, 3.0], [7.0, 3.0])])["weight"]
    assert found.within == pytest.approx(1 / 15)
    assert found.between == pytest.approx(3.5 / 15)


def test_a_tensor_that_is_always_the_same_does_not_vary_at_all():
    values = [0.1, -0.7, 1 / 3]
    found = variances([_task(*[values] * 3) for _ in range(5)])["weight"]
    assert (found.between, found.within) == (0, 0)
    assert math.isnan(found.share)
    assert variances([_task([0.0], [0.0])] * 2)["weight"] == Variance(0, 0)


def test_what_differs_between_episodes_only_is_not_of_the_task():
    found = variances([_task([1.0], [3.0]), _task([3.0], [1.0])])["weight"]
    assert found.between == pytest.approx(-0.2)
    assert found.share == 0


def test_tasks_may_have_unequal_numbers_of_episodes():
    # Means 2 and 6, variances 1 and 2; by chance 1 / 3 and 2 / 2; mean squares 14 / 3 and 37.
    found = variances([_task([1.0], [2.0], [3.0]), _task([5.0], [7.0])])["weight"]
    size = (14 / 3 + 37) / 2
    assert found.within == pytest.approx(1.5 / size)
    assert found.between == pytest.approx((8 - 2 / 3) / size)


def test_a_mean_over_tensors_weighs_them_alike():
    assert mean_variance([Variance(0.2, 0.4), Variance(0.6, 0.0)]) == Variance(0.4, 0.2)


@pytest.mark.parametrize("tasks", [[_task([1.0], [2.0])], [_task([1.0], [2.0]), _task([1.0])]])
def test_one_task_or_one_episode_tells_nothing(tasks):
    with pytest.raises(ValueError, match="two tasks of two episodes"):
        variances(tasks)
