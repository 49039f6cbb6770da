"""The unlabelled pool never holds what an episode asks or shows, and self-training gains from the rest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from problems import accuracy, problem

from sgps.evaluation import unlabelled
from sgps.evaluation.episodes import sample_episodes
from sgps.evaluation.heads import ridge
from sgps.evaluation.unlabelled import draw_pool, self_training

LABELS = ["a", "b", "c", "d"] * 30
# Groups of two that lie across classes, as a patient with two diagnoses does.
GROUPS = [str(number // 2) for number in range(len(LABELS))]


def episode(index=0):
    one = sample_episodes(
        LABELS, GROUPS, n_way=3, n_shot=2, n_query=4, n_episodes=index + 1, seed=0
    )[index]
    left = next(name for name in "abcd" if name not in one.classes)
    taken = {GROUPS[row] for row in (*one.support, *one.query)}
    outside = [row for row, name in enumerate(LABELS) if name == left and GROUPS[row] not in taken][
        :2
    ]
    return replace(one, outside=tuple(outside))


@pytest.mark.parametrize("index", range(5))
def test_the_pool_holds_no_picture_and_no_group_of_the_episode(index):
    one = episode(index)
    pool = draw_pool(LABELS, GROUPS, one, np.random.SeedSequence(index))
    shown = {*one.support, *one.query, *one.outside}
    assert pool
    assert not shown & set(pool)
    assert not {GROUPS[row] for row in shown} & {GROUPS[row] for row in pool}
    assert {LABELS[row] for row in pool} <= set(one.classes)
    assert len(set(pool)) == len(pool)


def test_the_pool_is_all_that_is_free_or_a_draw_of_it(monkeypatch):
    one = episode()
    shown = {GROUPS[row] for row in (*one.support, *one.query, *one.outside)}
    free = [
        row for row, name in enumerate(LABELS) if name in one.classes and GROUPS[row] not in shown
    ]
    assert list(draw_pool(LABELS, GROUPS, one, np.random.SeedSequence(0))) == free
    monkeypatch.setattr(unlabelled, "SELF_TRAINING_POOL", 5)
    drawn = [draw_pool(LABELS, GROUPS, one, np.random.SeedSequence(s)) for s in (0, 0, 1)]
    assert len(drawn[0]) == 5
    assert drawn[0] == drawn[1] != drawn[2]
    assert set(drawn[0]) <= set(free)


def test_a_set_with_nothing_left_gives_an_empty_pool():
    one = episode()
    labels = [name if row in one.support else "d" for row, name in enumerate(LABELS)]
    assert draw_pool(labels, GROUPS, one, np.random.SeedSequence(0)) == ()


def test_without_a_pool_self_training_is_ridge():
    support, labels, query, _ = problem()
    found = self_training(support, labels, 3, support[:0]).predict(query)
    assert torch.allclose(found, ridge(support, labels, 3).predict(query), atol=1e-9)


def test_unlabelled_pictures_help():
    gains = []
    for seed in range(20):
        support, labels, query, truth = problem(shots=1, queries=100, width=256, noise=3, seed=seed)
        pool, asked = query[:210], query[210:]
        found = self_training(support, labels, 3, pool).predict(asked)
        plain = ridge(support, labels, 3).predict(asked)
        gains.append(accuracy(found, truth[210:]) - accuracy(plain, truth[210:]))
    assert np.mean(gains) > 0.01


def test_the_order_of_the_pool_does_not_matter():
    support, labels, query, _ = problem(shots=1)
    found = [
        self_training(support, labels, 3, pool).predict(query) for pool in (query, query.flip(0))
    ]
    assert torch.allclose(*found, atol=1e-9)
