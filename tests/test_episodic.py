"""The episodic stage learns to synthesize, moves with the task, and repeats itself exactly."""

from __future__ import annotations

import dataclasses
import logging

import numpy as np
import pytest
import torch
from engines import TEXT_WIDTH, HashedText, tiny_network
from pools import SIZE, drawn_pool

from sgps.pretraining.cache import build_cache, description_embeddings, family_center, resized
from sgps.pretraining.checkpoints import load_checkpoint, save_checkpoint
from sgps.pretraining.config import Episodic
from sgps.pretraining.episodic import (
    EpisodicRun,
    _fit_temperature,
    between_task_variance,
)
from sgps.pretraining.parallel import Processes
from sgps.pretraining.pool import LabelSource
from sgps.pretraining.ridge import ridge_scores
from sgps.pretraining.task_stream import TaskStream
from sgps.task import Preprocessing

CONFIG = Episodic(
    steps=10,
    head_steps=3,
    tasks_per_step=2,
    max_way=3,
    max_shot=3,
    queries=2,
    image_size=SIZE,
    seen_share=0.5,
)


@pytest.fixture(scope="module")
def pool():
    return drawn_pool({"first": 4, "second": 3}, count=12)


def texts_of(sources):
    return {
        (index, c): HashedText().encode([f"{source.name} {name}", name])
        for index, source in enumerate(sources)
        for c, name in enumerate(source.class_names)
    }


def new_run(pool, config=CONFIG, seen=1, seed=0):
    network = tiny_network(trained=False)
    prepare = Preprocessing(
        image_size=SIZE, mean=network.architecture.mean, std=network.architecture.std
    )
    unseen = pool.sources[: len(pool.sources) - seen]
    stream = TaskStream(pool, unseen, pool.sources[len(unseen) :], config, seed)
    return EpisodicRun(
        network=network,
        pool=pool,
        stream=stream,
        texts=texts_of(stream.sources),
        cache=build_cache(network, pool, stream, prepare, lambda done, total: None),
        prepare=prepare,
        config=config,
        seed=seed,
        processes=Processes("cpu"),
    )


def find(run, wanted):
    """Number of the first task for which `wanted` holds."""
    return next(index for index in range(10_000) if wanted(run.stream.draw(index)))


def advance(run, steps):
    return [run.advance() for _ in range(steps)]


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_ten_steps_are_five_and_five_resumed_bit_for_bit(pool, tmp_path):
    whole = new_run(pool)
    whole.warm_up_head(3)
    rows = advance(whole, 10)
    first = new_run(pool)
    first.warm_up_head(3)
    assert advance(first, 5) == rows[:5]
    save_checkpoint(first.state_dict(), tmp_path / "half.safetensors", "recipe")
    second = new_run(pool)
    second.load_state_dict(load_checkpoint(tmp_path / "half.safetensors", "recipe"))
    assert advance(second, 5) == rows[5:]
    assert same(whole.state_dict(), second.state_dict())
    assert same(whole.network.state_dict(), second.network.state_dict())


def test_the_loss_falls_and_the_weights_come_to_depend_on_the_task(pool):
    config = dataclasses.replace(CONFIG, steps=30, learning_rate=5e-3)
    run = new_run(pool, config)
    assert between_task_variance([run.task_loss(index)[2] for index in range(2)]) == 0
    rows = advance(run, 30)
    losses = [row["loss"] for row in rows]
    assert sum(losses[-8:]) < 0.8 * sum(losses[:8])
    assert rows[-1]["between_task_variance"] > 0


def test_the_head_learns_alone_first(pool):
    run = new_run(pool, dataclasses.replace(CONFIG, learning_rate=5e-3))
    before = {name: tensor.clone() for name, tensor in run.network.named_parameters()}
    heard = []
    last = run.warm_up_head(20, lambda step, loss: heard.append((step, loss)))
    assert [step for step, _ in heard] == list(range(1, 21))
    assert last == pytest.approx(sum(loss for _, loss in heard[-2:]) / 2)
    assert last < heard[0][1]
    moved = {n for n, t in run.network.named_parameters() if not torch.equal(t, before[n])}
    assert moved == {name for name in before if name.startswith("head.")}
    assert run.step == 0


def test_a_task_gives_the_same_loss_whenever_it_is_posed(pool):
    run = new_run(pool)
    losses = [float(run.task_loss(index)[0].detach()) for index in (4, 7, 4)]
    assert losses[0] == losses[2] != losses[1]


def test_the_temperature_does_not_learn_from_familiar_sets(pool):
    run = new_run(pool)
    for is_seen in (True, False):
        index = find(run, lambda draw, is_seen=is_seen: draw.is_seen == is_seen)
        for loss in (run.task_loss(index)[0], run.head_loss(index)):
            run.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            assert (run.network.head.temperature.grad is None) == is_seen
            assert run.network.head.temperature.requires_grad
            assert run.network.head.log_ridge.grad is not None


def test_the_temperature_learns_from_familiar_sets_where_there_are_no_others(pool):
    run = new_run(pool, seen=2)
    run.head_loss(0).backward()
    assert run.network.head.temperature.grad is not None


KINDS = {
    "no pictures": lambda draw: not draw.support,
    "no descriptions": lambda draw: not any(draw.described),
    "one class without pictures": lambda draw: (
        0 < len(set(draw.support_labels)) < len(draw.classes)
    ),
    "one class without description": lambda draw: any(draw.described) and not all(draw.described),
    "one picture a class": lambda draw: len(draw.support) == len(draw.classes) == 2,
}


@pytest.mark.parametrize("kind", KINDS)
def test_loss_and_gradient_are_finite_for_every_kind_of_task(pool, kind):
    run = new_run(pool)
    index = find(run, KINDS[kind])
    for loss in (run.task_loss(index)[0], run.head_loss(index)):
        run.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        gradients = [p.grad for p in run.network.parameters() if p.grad is not None]
        assert bool(loss.isfinite())
        assert gradients
        assert all(bool(gradient.isfinite().all()) for gradient in gradients)


def test_a_class_is_described_only_if_the_task_says_so(pool):
    run = new_run(pool)
    index = find(run, KINDS["one class without description"])
    draw = run.stream.draw(index)
    task = run.task_tensors(draw, np.random.default_rng(0), torch.zeros(0, 3, SIZE, SIZE))
    assert task.has_text.tolist() == list(draw.described)
    assert task.text.shape == (len(draw.classes), TEXT_WIDTH)
    assert float(task.text[~task.has_text].abs().sum()) == 0


def test_a_step_with_a_gradient_that_is_not_finite_is_left_out(pool, monkeypatch, caplog):
    run = new_run(pool)
    advance(run, 1)
    before = {name: tensor.clone() for name, tensor in run.network.named_parameters()}
    whole = EpisodicRun.task_loss

    def broken(self, index):
        loss, accuracy, backbone = whole(self, index)
        return loss * torch.tensor(float("nan")), accuracy, backbone

    monkeypatch.setattr(EpisodicRun, "task_loss", broken)
    with caplog.at_level(logging.WARNING):
        run.advance()
    assert "step 1 left out: its gradient is not finite" in caplog.text
    assert same(before, dict(run.network.named_parameters()))
    assert run.step == 2


def test_base_and_experts_stay_as_they_are(pool):
    run = new_run(pool)
    base, directions = run.network.generator.base.clone(), run.network.generator.directions.clone()
    advance(run, 2)
    assert torch.equal(base, run.network.generator.base)
    assert torch.equal(directions, run.network.generator.directions)


def test_the_cache_holds_what_the_networks_say_of_each_picture(pool):
    run = new_run(pool)
    network, cache = run.network, run.cache
    pictures = [int(i) for i in pool.sources[1].indices[[3, 0]]]
    description = network.encoder.describe(
        network.generator.base_weights(), run.prepare.normalize(pool.images[pictures])
    )
    rows = cache.rows(pictures)
    torch.testing.assert_close(cache.stages[rows], description.stages, rtol=1e-4, atol=1e-5)
    features = network.architecture.num_features
    assert cache.joined.shape == (len(pool.images), 3 * features)
    lengths = cache.joined.float().view(-1, 3, features).norm(dim=2)
    torch.testing.assert_close(lengths, torch.ones_like(lengths), rtol=0, atol=2e-3)


def test_a_family_center_is_the_mean_of_its_pictures(pool):
    run = new_run(pool)
    center = family_center(run.network, pool, pool.sources[0].indices, run.prepare)
    rows = run.cache.rows(pool.sources[0].indices.tolist())
    expected = (
        run.cache.stages[rows] - run.network.encoder.stage_mean
    ) / run.network.encoder.stage_std
    torch.testing.assert_close(center, expected.mean(0), rtol=1e-3, atol=1e-3)


def test_ridge_classifies_what_can_be_told_apart():
    generator = torch.Generator().manual_seed(0)
    centers = torch.randn(3, 20, generator=generator)
    labels = torch.arange(3).repeat_interleave(4)
    support = centers[labels] + 0.2 * torch.randn(12, 20, generator=generator)
    queries = centers[labels] + 0.2 * torch.randn(12, 20, generator=generator)
    assert ridge_scores(support, labels, queries, 3).argmax(1).tolist() == labels.tolist()


def test_variance_between_tasks_is_zero_for_equal_weights_and_positive_otherwise():
    one, other = {"w": torch.ones(3)}, {"w": torch.tensor([1.0, 2.0, 1.0])}
    assert between_task_variance([one, one]) == 0
    assert between_task_variance([one, other]) > 0
    assert np.isnan(between_task_variance([one]))


def test_pictures_are_resized_only_where_needed():
    images = torch.full((2, 3, 40, 40), 77, dtype=torch.uint8)
    assert resized(images, 40) is images
    smaller = resized(images, 32)
    assert smaller.shape == (2, 3, 32, 32)
    assert smaller.dtype == torch.uint8
    assert bool((smaller == 77).all())


def test_descriptions_are_the_catalogue_s():
    source = LabelSource(
        name="cervix_lbc4",
        family="microscopy",
        indices=torch.arange(2),
        labels=torch.arange(2),
        class_names=("HSIL", "SCC"),
    )
    texts = description_embeddings([source], HashedText())
    assert sorted(texts) == [(0, 0), (0, 1)]
    assert all(
        embedding.shape[0] >= 2 and embedding.shape[1] == TEXT_WIDTH for embedding in texts.values()
    )


def test_the_fitted_temperature_is_the_one_that_the_answers_were_drawn_with() -> None:
    generator = torch.Generator().manual_seed(0)
    tasks = []
    for index in range(60):
        scores = torch.randn(40, 3, generator=generator)
        shots = torch.tensor(float(index % 4))
        # True log scale: 0.5 + 0.3 * shots.
        probabilities = (scores * (0.5 + 0.3 * shots).exp()).softmax(1)
        labels = torch.multinomial(probabilities, 1, generator=generator)[:, 0]
        terms = torch.stack([torch.tensor(1.0), torch.tensor(0.0), shots, torch.tensor(0.0)])
        tasks.append((scores, terms, labels))
    temperature = torch.nn.Parameter(torch.zeros(4))
    _fit_temperature(temperature, tasks)
    expected = torch.tensor([0.5, 0.0, 0.3, 0.0])
    torch.testing.assert_close(temperature.detach(), expected, atol=0.1, rtol=0)
