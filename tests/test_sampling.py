"""Batches are balanced, hold what they say, and lean towards what is still mistaken."""

from __future__ import annotations

import pytest
import torch
from pools import drawn_pool

from sgps.pretraining.sampling import BatchSampler


@pytest.fixture(scope="module")
def pool():
    return drawn_pool({"first": 3, "second": 2})


def drawn(sampler, size=2000, seed=0):
    return sampler.draw(size, torch.Generator().manual_seed(seed))


def test_batches_hold_pictures_of_the_class_they_are_said_to_be_of(pool):
    sources, _ = pool.split()
    batch = drawn(BatchSampler(sources), 200)
    for picture, source, label in zip(
        batch.pictures.tolist(), batch.sources.tolist(), batch.labels.tolist(), strict=True
    ):
        assert pool.groups[picture].startswith(f"{sources[source].name}/{label}-")


def test_batches_never_hold_a_reserved_group(pool):
    learned, reserved = pool.split()
    batch = drawn(BatchSampler(learned), 500)
    kept = {pool.groups[i] for source in reserved for i in source.indices.tolist()}
    assert kept.isdisjoint(pool.groups[i] for i in batch.pictures.tolist())


def test_rare_classes_come_more_often_than_their_pictures_would(pool):
    (source, _) = pool.sources
    rare = torch.cat([source.indices[source.labels == 0], source.indices[source.labels == 1][:2]])
    labels = torch.cat([torch.zeros(24, dtype=torch.int64), torch.ones(2, dtype=torch.int64)])
    thinned = type(source)(
        name="first", family="microscopy", indices=rare, labels=labels, class_names=("a", "b")
    )
    share = float(drawn(BatchSampler([thinned])).labels.float().mean())
    # 2 ** 0.3 against 24 ** 0.3, instead of 2 against 24.
    assert share == pytest.approx(2**0.3 / (2**0.3 + 24**0.3), abs=0.03)


def mistake_class(sampler, label, batches):
    """Teach the sampler that one class of the first labelling is always mistaken."""
    for number in range(batches):
        batch = drawn(sampler, 100, seed=number)
        sampler.learn(batch, (batch.sources == 0) & (batch.labels == label))


def shares(sampler):
    batch = drawn(sampler, 20_000)
    first = batch.sources == 0
    return float(first.float().mean()), float((batch.labels[first] == 2).float().mean())


def test_what_is_mistaken_comes_more_often_within_its_labelling(pool):
    plain, leaning = BatchSampler(pool.sources), BatchSampler(pool.sources, mining=2.0)
    mistake_class(plain, 2, 50)
    mistake_class(leaning, 2, 50)
    of_labelling, of_class = shares(plain)
    assert of_class == pytest.approx(1 / 3, abs=0.02)
    labelling_leaning, class_leaning = shares(leaning)
    assert labelling_leaning == pytest.approx(of_labelling, abs=0.02)
    assert class_leaning == pytest.approx(3 / 5, abs=0.02)


def test_what_is_learned_again_comes_as_often_as_before(pool):
    sampler = BatchSampler(pool.sources, mining=2.0)
    mistake_class(sampler, 2, 50)
    mistake_class(sampler, -1, 50)
    assert shares(sampler)[1] == pytest.approx(1 / 3, abs=0.02)


def test_a_restored_sampler_goes_on_like_the_one_that_was_saved(pool):
    sampler, restored = (BatchSampler(pool.sources, mining=2.0) for _ in range(2))
    mistake_class(sampler, 2, 70)
    restored.load_state_dict(sampler.state_dict())
    for one in (sampler, restored):
        mistake_class(one, 1, 40)
    assert torch.equal(drawn(sampler).entries, drawn(restored).entries)
