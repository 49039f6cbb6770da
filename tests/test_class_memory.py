"""The memory answers to the description of a class that it knows, and keeps quiet about others."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from engines import KNOWN, TEXT_WIDTH, HashedText, texts_of, tiny_network

from sgps.engine.class_memory import ClassMemory, Recall
from sgps.engine.config import EngineConfig


def _texts(*names: str) -> torch.Tensor:
    return torch.stack([HashedText().encode(texts_of(name)).mean(0) for name in names])


STRANGE = "stone"
"""What nothing in the memory is like."""


def _recall(memory: ClassMemory, *names: str, **changes: torch.Tensor) -> Recall:
    arguments = {
        "text": _texts(*names),
        "has_text": torch.ones(len(names), dtype=torch.bool),
        "pictures": None,
        **changes,
    }
    with torch.no_grad():
        recall: Recall = memory(**arguments)
    return recall


@pytest.fixture
def memory() -> ClassMemory:
    """What the tiny engine knows: two colors and two kinds of cells."""
    return tiny_network().memory


def test_a_known_description_finds_its_own_class(memory):
    recall = _recall(memory, "blue", "long", "green")
    assert recall.shares.argmax(1).tolist() == [
        KNOWN.index(f) for f in ("colors/blue", "cells/long", "colors/green")
    ]
    torch.testing.assert_close(recall.shares.sum(1), torch.ones(3))


def test_directions_point_to_the_class_within_its_set(memory):
    recall = _recall(memory, "blue", "green")
    own = memory.directions[[KNOWN.index("colors/blue"), KNOWN.index("colors/green")]]
    likeness = torch.nn.functional.cosine_similarity(recall.directions, own)
    assert bool((likeness > 0.99).all())
    assert bool((recall.directions.norm(dim=1) <= 1 + 1e-6).all())
    torch.testing.assert_close(recall.center, recall.shares.mean(0) @ memory.centers[memory.set_of])


def test_an_unknown_description_is_worth_next_to_nothing(memory):
    recall = _recall(memory, "blue", STRANGE)
    assert recall.known[0] > 0.5 > 0.01 > recall.known[1] > 0
    assert recall.count[1] < 0.31


def test_known_classes_of_like_pictures_are_worth_a_little_whatever_the_words(memory):
    like, other = memory.centers
    apart = torch.randn(len(like), generator=torch.Generator().manual_seed(0))
    apart = apart - (apart @ (like - other)) / (like - other).square().sum() * (like - other)
    unlike = memory.centers.mean(0) + apart
    for names in (("blue", STRANGE), ("blue", "green")):
        seen, unseen = (_recall(memory, *names, pictures=own) for own in (like, unlike))
        torch.testing.assert_close(
            seen.count - seen.known, torch.full((2,), 0.3), atol=0.03, rtol=0
        )
        assert float((unseen.count - unseen.known).max()) < 0.01


def test_likeness_of_pictures_is_worth_nothing_where_words_tell_nothing_apart(memory):
    one = _recall(memory, "blue", "green", has_text=torch.tensor([True, False]))
    same = _recall(memory, STRANGE, STRANGE)
    for recall in (one, same):
        torch.testing.assert_close(recall.count, recall.known)


def test_a_class_without_description_recalls_nothing(memory):
    recall = _recall(memory, "blue", "green", has_text=torch.tensor([True, False]))
    assert recall.count[1] == 0
    assert not recall.directions[1].any()
    assert not recall.shares[1].any()


def test_pictures_of_another_kind_make_knowledge_worth_less(memory):
    like, unlike = memory.centers[0], memory.centers[1]
    counts = [_recall(memory, "blue", "green", pictures=own).known[0] for own in (like, unlike)]
    assert counts[0] > 10 * counts[1] > 0


def test_experts_are_familiar_with_what_they_have_learned(memory):
    both, one, none = (
        _recall(memory, *names).familiarity
        for names in (("blue", "green"), ("blue", STRANGE), ("long", STRANGE))
    )
    assert both[0] > 0.8
    assert both[1] < 0.1
    assert 0.35 < one[0] < 0.6
    # No expert has learned the last class of the memory.
    assert none.sum() < 0.15


def test_familiar_tasks_recall_where_classes_lie_after_the_step_towards_their_expert(memory):
    with torch.no_grad():
        memory.moved[:2] = -memory.directions[:2]
    recall = _recall(memory, "blue", "green")
    own = memory.directions[[KNOWN.index("colors/blue"), KNOWN.index("colors/green")]]
    assert bool((torch.nn.functional.cosine_similarity(recall.directions, own) < -0.99).all())


def test_what_is_hidden_is_not_recalled(memory):
    allowed = torch.tensor([not name.startswith("colors") for name in KNOWN])
    recall = _recall(memory, "blue", "green", allowed=allowed)
    assert not recall.shares[:, ~allowed].any()
    assert bool((recall.known < 0.01).all())
    # Nor is the likeness of hidden classes' pictures worth anything.
    hidden = _recall(memory, "blue", "green", allowed=allowed, pictures=memory.centers[0])
    assert bool((hidden.count < 0.01).all())


def test_where_all_is_hidden_nothing_is_recalled(memory):
    recall = _recall(memory, "blue", "green", allowed=torch.zeros(len(KNOWN), dtype=torch.bool))
    for nothing in (recall.shares, recall.directions, recall.count, recall.middles):
        assert not nothing.any()


def test_a_point_is_brought_to_the_nearest_mixture_of_known_sets():
    recall = dataclasses.replace(tiny_network().memory.nothing(2), middles=torch.eye(3, 6))
    # Mixtures of three unit vectors: what sums to one, and has nothing in the other three places.
    point = torch.tensor([0.7, 0.2, 0.1, 0.0, 5.0, -3.0])
    expected = torch.tensor([0.7, 0.2, 0.1, 0.0, 0.0, 0.0])
    torch.testing.assert_close(recall.between_middles(point), expected, atol=0.01, rtol=0)
    alone = dataclasses.replace(recall, middles=recall.middles[:1])
    assert torch.equal(alone.between_middles(point), point)


def test_middles_of_hidden_sets_are_not_known_and_those_of_others_are_without_a_word(memory):
    colors = torch.tensor([name.startswith("colors") for name in KNOWN])
    silent = torch.zeros(2, dtype=torch.bool)
    for has_text in (silent, ~silent):
        recall = _recall(memory, "blue", "green", has_text=has_text)
        assert torch.equal(recall.middles, memory.centers)
        recall = _recall(memory, "blue", "green", has_text=has_text, allowed=~colors)
        assert torch.equal(recall.middles, memory.centers[memory.set_of[~colors][:1]])
    assert len(memory.nothing(2).middles) == 0


def test_without_words_or_without_memory_nothing_is_known(memory):
    empty = ClassMemory(
        EngineConfig(name="empty", architecture="test_efficientnet", text_width=TEXT_WIDTH)
    )
    for recall in (
        _recall(memory, "blue", "green", has_text=torch.zeros(2, dtype=torch.bool)),
        _recall(empty, "blue", "green"),
    ):
        assert not recall.count.any()
        assert not recall.directions.any()
        assert not recall.familiarity.any()


def test_gradients_of_what_is_learned_are_right(memory):
    memory = memory.double()
    text = torch.nn.functional.normalize(_texts("blue", "green").double() + 0.05, dim=1)
    has_text = torch.ones(2, dtype=torch.bool)

    def recalled(sharpness: torch.Tensor, count: torch.Tensor) -> tuple[torch.Tensor, ...]:
        replaced = {"log_sharpness": sharpness, "log_count": count}
        recall = torch.func.functional_call(memory, replaced, (text, has_text, memory.centers[1]))
        return recall.directions, recall.count, recall.center

    # Familiarity is a measurement without gradient; where nothing moves with it, it cannot matter.
    with torch.no_grad():
        memory.moved.copy_(memory.directions)
    inputs = (memory.log_sharpness, memory.log_count)
    assert torch.autograd.gradcheck(recalled, inputs, eps=1e-6, atol=1e-6)


def test_the_fields_of_a_recall_are_those_that_the_head_reads(memory):
    shapes = {
        f.name: getattr(_recall(memory, "blue", "green"), f.name).shape
        for f in dataclasses.fields(Recall)
    }
    features = memory.directions.shape[1]
    assert shapes == {
        "directions": (2, features),
        "count": (2,),
        "known": (2,),
        "center": (features,),
        "middles": (2, features),
        "familiarity": (2,),
        "shares": (2, len(KNOWN)),
        "agreement": (),
    }
