"""Heads that read descriptions: alone they decide nothing wrong, together with pictures they help."""

from __future__ import annotations

import pytest
import torch
from problems import accuracy, problem
from torch.nn import functional

from sgps.evaluation import heads, text_heads
from sgps.evaluation.heads import center, centered, prototype
from sgps.evaluation.text_heads import ss_text, tip_adapter

both_heads = pytest.mark.parametrize("head", [tip_adapter, ss_text], ids=lambda h: h.__name__)


def noisy():
    """One picture a class, of little worth, and descriptions that lie where the classes are."""
    support, labels, query, truth = problem(shots=1, queries=40, noise=1.0, seed=1)
    text = torch.stack([query[truth == label].mean(0) for label in range(3)])
    return support, labels, query, truth, text


@both_heads
def test_good_descriptions_help(head):
    support, labels, query, truth, text = noisy()
    without = accuracy(head(support, labels, 3).predict(query), truth)
    assert accuracy(head(support, labels, 3, text).predict(query), truth) > without + 0.02


@both_heads
def test_what_all_descriptions_share_tells_nothing(head):
    support, labels, query, _, text = noisy()
    text = functional.normalize(text)
    # Equal lengths before and after, since only directions of descriptions are read.
    shared = torch.zeros(16)
    shared[0] = 1.0
    text = functional.normalize(text - text @ shared[:, None] * shared)
    moved = (text + shared) / 2**0.5
    expected = head(support, labels, 3, text).predict(query)
    assert torch.allclose(head(support, labels, 3, moved).predict(query), expected, atol=1e-9)


@both_heads
def test_descriptions_that_are_all_the_same_change_no_decision(head):
    support, labels, query, _ = problem()
    same = head(support, labels, 3, torch.ones(3, 16)).predict(query)
    assert torch.equal(same.argmax(1), head(support, labels, 3).predict(query).argmax(1))


def test_tip_adapter_is_a_cache_of_affinities():
    support, labels, query, _ = problem()
    points, asked = (centered(part, center(support)) for part in (support, query))
    affinities = torch.exp(-text_heads.TIP_BETA * (1 - asked @ points.T))
    scores = torch.stack([affinities[:, labels == label].sum(1) for label in range(3)], dim=1)
    expected = (text_heads.TIP_ALPHA * scores).softmax(1)
    assert torch.allclose(tip_adapter(support, labels, 3).predict(query), expected)


def test_tip_adapter_adds_the_scores_of_the_text():
    support, labels, query, _, text = noisy()
    without = tip_adapter(support, labels, 3).predict(query).log()
    whole = tip_adapter(support, labels, 3, text).predict(query).log()
    asked, read = centered(query, center(support)), centered(text, center(text))
    expected = (without + heads.PROTOTYPE_SCALE * asked @ read.T).log_softmax(1)
    assert torch.allclose(whole, expected)


def test_ss_text_without_text_is_the_prototype_head():
    support, labels, query, _ = problem()
    expected = prototype(support, labels, 3).predict(query)
    assert torch.allclose(ss_text(support, labels, 3).predict(query), expected)


def test_ss_text_minimizes_what_it_says():
    support, labels, query, _ = problem(shots=2)
    text = torch.randn(3, 16, generator=torch.Generator().manual_seed(2))
    mean = center(support)
    points, read = centered(support, mean), centered(text, center(text))
    weight = read.clone().requires_grad_()
    penalty, scale = 1 / len(points), heads.PROTOTYPE_SCALE
    for _ in range(200):
        own = scale * (weight[labels] * points).sum(1)
        loss = -own.mean() + penalty / 2 * ((weight - read) ** 2).sum()
        (step,) = torch.autograd.grad(loss, weight)
        weight = (weight - 0.5 / penalty * step).detach().requires_grad_()
    cosines = centered(query, mean) @ functional.normalize(weight.detach()).T
    found = ss_text(support, labels, 3, text).predict(query)
    assert torch.allclose(found, (scale * cosines).softmax(1), atol=1e-9)


def test_the_say_of_the_text_fades_as_pictures_come():
    changes = []
    for shots in (1, 5, 20):
        support, labels, query, _ = problem(shots=shots)
        text = torch.randn(3, 16, generator=torch.Generator().manual_seed(2))
        change = ss_text(support, labels, 3, text).predict(query) - ss_text(
            support, labels, 3
        ).predict(query)
        changes.append(float(change.abs().mean()))
    assert changes == sorted(changes, reverse=True)


def test_the_text_is_part_of_what_tip_adapter_keeps():
    support, labels, _, _, text = noisy()
    plain, whole = (tip_adapter(support, labels, 3, *extra).size_bytes for extra in ((), (text,)))
    assert whole - plain == 4 * text.numel()
