"""The closed-form head."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from engines import tiny_network
from sklearn.linear_model import Ridge

from sgps.engine.class_memory import Recall
from sgps.engine.head import Head, _trust


def _head() -> Head:
    return tiny_network().head.double()


def _features(count: int, views: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, views, 256, generator=generator, dtype=torch.float64)


def _recall(count: float | list[float], ways: int = 2) -> Recall:
    """Directions of length one; nothing is known of a class whose count is zero."""
    counts = torch.tensor(count, dtype=torch.float64).expand(ways)
    generator = torch.Generator().manual_seed(2)
    directions = torch.randn(ways, 256, generator=generator, dtype=torch.float64)
    return Recall(
        directions=torch.nn.functional.normalize(directions, dim=1) * (counts > 0)[:, None],
        count=counts,
        known=counts,
        center=torch.zeros(256, dtype=torch.float64),
        middles=torch.zeros(0, 256, dtype=torch.float64),
        familiarity=torch.zeros(2, dtype=torch.float64),
        shares=torch.zeros(ways, 4, dtype=torch.float64),
        agreement=torch.ones((), dtype=torch.float64),
    )


def test_known_classes_count_three_pictures_for_one_and_drawings_one() -> None:
    recall = dataclasses.replace(_recall(1.4), known=torch.full((2,), 1.0, dtype=torch.float64))
    assert _trust(torch.tensor([2.0, 2.0]), recall) == pytest.approx(2 + 3 * 1.0 + 0.4)


def test_the_head_is_ridge_regression_on_centered_unit_features() -> None:
    head, features = _head(), _features(8)
    labels = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])
    with torch.no_grad():
        weight, bias = head(features, labels, _recall(0))
    points = features[:, 0] - features[:, 0].mean(0)
    unit = points / points.norm(dim=1, keepdim=True)
    target = np.eye(2)[labels] - 0.5
    # Each class weighs 1 in all, so each of its four pictures 1/4.
    reference = Ridge(alpha=head.log_ridge.exp().item(), fit_intercept=False)
    reference.fit(unit.numpy(), target, sample_weight=np.full(8, 0.25))
    ratio = weight.numpy() / reference.coef_
    np.testing.assert_allclose(ratio, ratio.flat[0], rtol=1e-5)
    np.testing.assert_allclose(bias, -(weight @ features[:, 0].mean(0)), atol=1e-9)


@pytest.mark.parametrize("shots", [1, 12])
def test_the_center_lies_between_the_pictures_and_the_nearest_mixture_of_known_sets(shots) -> None:
    head, features = _head(), _features(2 * shots)
    labels = torch.arange(2).repeat_interleave(shots)
    recall = dataclasses.replace(_recall(0), middles=_features(5, views=1)[:, 0] + 3)
    with torch.no_grad():
        weight, bias = head(features, labels, recall)
        own = features[:, 0].mean(0)
        likely = recall.between_middles(own)
        share = 2 * shots / (2 * shots + 6)
        expected = share * own + (1 - share) * likely
    torch.testing.assert_close(bias, -(weight @ expected))
    assert (own - likely).norm() > 1


def test_a_description_weighs_less_the_more_pictures_there_are() -> None:
    head = _head()
    changes = []
    for shots in (1, 10):
        features = _features(2 * shots)
        labels = torch.arange(2).repeat_interleave(shots)
        with torch.no_grad():
            with_text, _ = head(features, labels, _recall(1))
            without, _ = head(features, labels, _recall(0))
        change = torch.nn.functional.cosine_similarity(with_text, without).mean()
        changes.append(1 - float(change))
    assert changes[0] > changes[1] > 0


@pytest.mark.parametrize("views", [1, 4])
def test_a_picture_counts_once_however_many_views_it_has(views: int) -> None:
    head = _head()
    labels = torch.tensor([0, 1, 1])
    same = _features(3)
    with torch.no_grad():
        once, _ = head(same, labels, _recall(0))
        repeated, _ = head(same.expand(-1, views, -1), labels, _recall(0))
    torch.testing.assert_close(repeated, once)


@pytest.mark.parametrize("count", [[0.0, 1.0], [1.0, 1.0], [0.0, 1e-9]])
def test_one_picture_of_one_class_and_words_for_the_other_give_finite_weights(
    count: list[float],
) -> None:
    head = _head()
    with torch.no_grad():
        weight, bias = head(_features(1), torch.tensor([0]), _recall(count))
    assert torch.isfinite(weight).all()
    assert torch.isfinite(bias).all()
    assert weight.abs().max() < 1e3


def test_without_pictures_a_query_belongs_to_the_class_whose_direction_it_follows() -> None:
    head, recall = _head(), _recall(0.01, ways=3)
    with torch.no_grad():
        weight, bias = head(
            torch.zeros(0, 2, 256).double(), torch.zeros(0, dtype=torch.int64), recall
        )
    scores = 5 * recall.directions @ weight.T + bias
    assert scores.argmax(1).tolist() == [0, 1, 2]


def test_identical_pictures_in_both_classes_give_finite_weights() -> None:
    head = _head()
    same = _features(1).expand(2, -1, -1)
    with torch.no_grad():
        weight, _ = head(same, torch.tensor([0, 1]), _recall(0))
    assert torch.isfinite(weight).all()


def _terms(features: torch.Tensor, labels: torch.Tensor, ways: int) -> torch.Tensor:
    with torch.no_grad():
        return _head().unscaled(features, labels, _recall(0, ways))[2]


def _left_out_odds(features: torch.Tensor, labels: torch.Tensor, ways: int) -> float:
    return float(_terms(features, labels, ways)[3])


def test_odds_of_left_out_pictures_follow_how_hard_the_task_is() -> None:
    labels = torch.arange(3).repeat_interleave(5)
    noise = _features(15)
    apart = noise + 3 * _features(3)[labels]
    # All fifteen right: (15 + 2) of (15 + 2 * 3), against chance 1/3.
    assert _left_out_odds(apart, labels, 3) == pytest.approx(np.log(17 / 4 * 2), rel=1e-5)
    assert _left_out_odds(noise, labels, 3) < 0.7


def test_odds_of_left_out_pictures_do_not_depend_on_any_order() -> None:
    labels = torch.tensor([0, 0, 0, 1, 1, 1, 1, 2])
    features = _features(8) + 0.4 * _features(3)[labels]
    order = torch.tensor([6, 2, 7, 0, 3, 5, 1, 4])
    renamed = torch.tensor([2, 0, 1])[labels]
    expected = _left_out_odds(features, labels, 3)
    assert expected != 0
    assert _left_out_odds(features[order], labels[order], 3) == expected
    assert _left_out_odds(features, renamed, 3) == expected


def test_one_picture_a_class_leaves_nothing_to_cross_validate_and_is_told_from_a_hard_task() -> (
    None
):
    one, two = torch.arange(3), torch.tensor([0, 0, 1, 2])
    assert _left_out_odds(_features(3), one, 3) == 0
    assert [float(_terms(_features(len(own)), own, 3)[6]) for own in (one[:0], one, two)] == [
        1,
        1,
        0,
    ]


def _agreement(directions: torch.Tensor, shots: int, known: int = 3, apart: float = 1.0) -> float:
    """Of `shots` pictures of each of three classes, with what is recalled of the first `known`."""
    head = _head()
    recall = _recall([1.0] * known + [0.0] * (3 - known), ways=3)
    labels = torch.arange(3).repeat_interleave(shots)
    features = _features(3 * shots)[:, 0] + apart * 20 * recall.directions[labels]
    return float(
        head.agreement(features, labels, dataclasses.replace(recall, directions=directions))
    )


def test_what_is_recalled_counts_whole_where_the_pictures_agree() -> None:
    directions = _recall(1.0, ways=3).directions
    assert _agreement(directions, shots=1) == 1
    assert _agreement(directions, shots=5) == 1


def test_what_the_pictures_speak_against_counts_little_and_less_the_more_there_are() -> None:
    others = _recall(1.0, ways=3).directions.roll(1, 0)
    one, five = _agreement(others, shots=1), _agreement(others, shots=5)
    assert 0 < five < one < 0.05


def test_a_single_known_class_can_be_compared_with_nothing() -> None:
    others = _recall(1.0, ways=3).directions.roll(1, 0)
    assert _agreement(others, shots=5, known=1) == 1
    assert _agreement(others, shots=5, known=2) < 0.05
    none = torch.zeros(0, 256).double()
    assert float(_head().agreement(none, torch.zeros(0, dtype=torch.int64), _recall(1.0))) == 1
