"""The episodic stage learns to synthesize, moves with the task, and repeats itself exactly."""

from __future__ import annotations

import dataclasses
import logging

import numpy as np
import pytest
import torch
from engines import TEXT_WIDTH, HashedText, tiny_network
from pools import SIZE, drawn_pool, quick

from sgps.pretraining.cache import build_cache, description_embeddings, resized
from sgps.pretraining.checkpoints import load_checkpoint, save_checkpoint
from sgps.pretraining.config import Episodic, Expert
from sgps.pretraining.episodic import (
    _CALIBRATION_FIRST_TASK,
    _HEAD_FIRST_TASK,
    EpisodicRun,
    between_task_variance,
)
from sgps.pretraining.parallel import Processes
from sgps.pretraining.pool import LabelSource
from sgps.pretraining.remember import KnownClass, known_classes, remember
from sgps.pretraining.ridge import ridge_scores
from sgps.pretraining.task_stream import TaskStream
from sgps.pretraining.temperature import fit_temperature
from sgps.target.network import pooled_features
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


KNOWN_HERE = ("first/class 0", "first/class 1", "second/class 0", "second/class 1")
"""Classes of the pool that the memory holds."""


@pytest.fixture(scope="module")
def pool():
    return drawn_pool({"first": 4, "second": 3}, count=12)


def texts_of(sources):
    return {
        (source.name, c): HashedText().encode([f"{source.name} {name}", name])
        for source in sources
        for c, name in enumerate(source.class_names)
    }


def new_run(pool, config=CONFIG, seen=1, seed=0):
    network = tiny_network(trained=False, known=KNOWN_HERE)
    prepare = Preprocessing(
        image_size=SIZE, mean=network.architecture.mean, std=network.architecture.std
    )
    texts = texts_of(pool.sources)
    known = [
        KnownClass(source=place, label=label, name=f"{source.name}/class {label}", expert=place)
        for place, source in enumerate(pool.sources)
        for label in range(2)
    ]
    assert tuple(one.name for one in known) == network.config.known_classes
    remember(network, pool, pool.sources, known, texts, prepare, lambda done, total: None)
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
    assert between_task_variance([run.task_losses([0, 1]).backbones]) == 0
    rows = advance(run, 30)
    losses = [row["loss"] for row in rows]
    assert sum(losses[-8:]) < 0.8 * sum(losses[:8])
    assert rows[-1]["between_task_variance"] > 0


def test_the_head_learns_alone_first(pool):
    run = new_run(pool, dataclasses.replace(CONFIG, learning_rate=5e-3))
    before = {name: tensor.clone() for name, tensor in run.network.named_parameters()}
    heard = []
    tasks = [_HEAD_FIRST_TASK + index for index in range(48)]
    with torch.no_grad():
        loss_before = sum(float(run.head_loss(index)) for index in tasks)
    last = run.warm_up_head(20, lambda step, loss: heard.append((step, loss)))
    with torch.no_grad():
        assert sum(float(run.head_loss(index)) for index in tasks) < loss_before
    assert [step for step, _ in heard] == list(range(1, 21))
    assert last == pytest.approx(sum(loss for _, loss in heard[-2:]) / 2)
    moved = {n for n, t in run.network.named_parameters() if not torch.equal(t, before[n])}
    assert moved == {name for name in before if name.startswith(("head.", "memory."))}
    assert run.step == 0


def test_a_task_gives_the_same_loss_whenever_it_is_posed(pool):
    run = new_run(pool)
    losses = [float(run.task_losses([index]).losses.detach()) for index in (4, 7, 4)]
    assert losses[0] == losses[2] != losses[1]


def test_the_memory_hides_the_set_of_a_task_in_half_of_the_tasks_and_always_where_it_is_new(pool):
    run = new_run(pool)
    hidden = {True: 0, False: 0}
    for index in range(60):
        draw = run.stream.draw(index)
        task = run.task_tensors(draw, np.random.default_rng(index), torch.zeros(0, 3, SIZE, SIZE))
        own = [name.startswith(f"{draw.source}/") for name in KNOWN_HERE]
        assert all(a for a, o in zip(task.allowed.tolist(), own, strict=True) if not o)
        hides = not any(a for a, o in zip(task.allowed.tolist(), own, strict=True) if o)
        hidden[draw.is_seen] += hides
        if not draw.is_seen:
            assert hides
    seen = sum(run.stream.draw(index).is_seen for index in range(60))
    assert 0.2 * seen < hidden[True] < 0.8 * seen


def test_tasks_of_another_stream_have_their_own_descriptions_and_hide_their_own_set(pool):
    # The temperature is fitted to tasks of a stream that leaves sets out.
    run = new_run(pool)
    alone = TaskStream(pool, [], pool.sources[1:], CONFIG, 0)
    for index in range(20):
        draw = alone.draw(index)
        task = run.task_tensors(draw, np.random.default_rng(index), torch.zeros(0, 3, SIZE, SIZE))
        for c, text, described in zip(draw.classes, task.text, draw.described, strict=True):
            own = run.texts[pool.sources[1].name, c]
            choices = torch.stack([own[0], own[1], own.mean(0)]) * described
            assert (choices - text).abs().amax(1).min() < 1e-6
        own_set = [name.startswith(f"{pool.sources[1].name}/") for name in KNOWN_HERE]
        assert all(task.allowed[i] for i, own in enumerate(own_set) if not own)


KINDS = {
    "no pictures": lambda draw: not draw.support,
    "no descriptions": lambda draw: not any(draw.described),
    "one class without pictures": lambda draw: (
        0 < len(set(draw.support_labels)) < len(draw.classes)
    ),
    "one class without description": lambda draw: any(draw.described) and not all(draw.described),
    "one picture a class": lambda draw: len(draw.support) == len(draw.classes) == 2,
}


def test_tasks_together_have_the_losses_and_gradients_of_each_alone(pool):
    run = new_run(pool)
    parameters = dict(run.network.named_parameters())
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        # An untrained generator writes nearly the same network for every task.
        for name in ("expert_head", "scale_head"):
            parameters[f"generator.{name}.weight"].normal_(std=0.2, generator=generator)
    indices = [find(run, wanted) for wanted in KINDS.values()]
    indices.append(find(run, lambda draw: len(draw.support) >= 7))
    assert len({len(run.stream.draw(index).support) for index in indices}) > 3
    assert len({len(run.stream.draw(index).query) for index in indices}) > 1

    def measured(groups):
        run.optimizer.zero_grad(set_to_none=True)
        tasks = [run.task_losses(group) for group in groups]
        losses = torch.cat([own.losses for own in tasks])
        losses.sum().backward()
        gradients = {n: p.grad.clone() for n, p in parameters.items() if p.grad is not None}
        return losses, torch.cat([own.accuracies for own in tasks]), gradients, tasks

    losses, accuracies, gradients, tasks = measured([indices])
    losses_alone, accuracies_alone, gradients_alone, tasks_alone = measured([[i] for i in indices])
    torch.testing.assert_close(losses, losses_alone, rtol=1e-5, atol=1e-6)
    assert torch.equal(accuracies, accuracies_alone)
    assert gradients.keys() == gradients_alone.keys()
    assert {"generator.scale_head.weight", "head.log_ridge"} < gradients.keys()
    whole = torch.cat([alone.flatten() for alone in gradients_alone.values()]).norm()
    for name, alone in gradients_alone.items():
        # Where next to nothing is left of a gradient, only rounding is.
        assert (gradients[name] - alone).norm() <= 1e-4 * alone.norm() + 1e-6 * whole, name
    variance = between_task_variance([own.backbones for own in tasks])
    assert variance > 0
    assert variance == pytest.approx(between_task_variance([own.backbones for own in tasks_alone]))
    again = measured([indices])
    assert torch.equal(again[0], losses)
    assert same(again[2], gradients)


@pytest.mark.parametrize("kind", KINDS)
def test_loss_and_gradient_are_finite_for_every_kind_of_task(pool, kind):
    run = new_run(pool)
    index = find(run, KINDS[kind])
    for loss in (run.task_losses([index]).losses.sum(), run.head_loss(index)):
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
    whole = EpisodicRun.task_losses

    def broken(self, indices):
        tasks = whole(self, indices)
        return dataclasses.replace(tasks, losses=tasks.losses * float("nan"))

    monkeypatch.setattr(EpisodicRun, "task_losses", broken)
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


def test_ridge_classifies_what_can_be_told_apart():
    generator = torch.Generator().manual_seed(0)
    centers = torch.randn(3, 20, generator=generator)
    labels = torch.arange(3).repeat_interleave(4)
    support = centers[labels] + 0.2 * torch.randn(12, 20, generator=generator)
    queries = centers[labels] + 0.2 * torch.randn(12, 20, generator=generator)
    assert ridge_scores(support, labels, queries, 3).argmax(1).tolist() == labels.tolist()


def test_variance_between_tasks_is_zero_for_equal_weights_and_positive_otherwise():
    one, other = {"w": torch.ones(1, 3)}, {"w": torch.tensor([[1.0, 2.0, 1.0]])}
    both = {"w": torch.cat([one["w"], other["w"]])}
    assert between_task_variance([one, one]) == 0
    assert between_task_variance([both]) == between_task_variance([one, other]) > 0
    assert np.isnan(between_task_variance([one]))


def test_pictures_are_resized_only_where_needed():
    images = torch.full((2, 3, 40, 40), 77, dtype=torch.uint8)
    assert resized(images, 40) is images
    smaller = resized(images, 32)
    assert smaller.shape == (2, 3, 32, 32)
    assert smaller.dtype == torch.uint8
    assert bool((smaller == 77).all())


def test_tasks_that_are_asked_have_pictures_of_every_class_at_the_size_of_the_engine(pool):
    run = new_run(pool)
    draws = [
        run.stream.draw(index)
        for index in range(_CALIBRATION_FIRST_TASK, _CALIBRATION_FIRST_TASK + 200)
    ]
    assert any(len(set(draw.support_labels)) < len(draw.classes) for draw in draws)
    asked = list(run.asked_tasks(run.stream, 100))
    assert len(asked) == 100
    for task in asked:
        assert task.tensors.labels.unique().numel() == len(task.tensors.has_text)
        assert task.tensors.images.shape[2:] == task.queries.shape[2:] == (SIZE, SIZE)
        assert len(task.queries) == len(task.labels)
    assert not list(run.asked_tasks(run.stream, 0))


def test_descriptions_are_the_catalogue_s():
    source = LabelSource(
        name="cervix_lbc4",
        family="microscopy",
        indices=torch.arange(2),
        labels=torch.arange(2),
        class_names=("HSIL", "SCC"),
    )
    texts = description_embeddings([source], HashedText())
    assert sorted(texts) == [("cervix_lbc4", 0), ("cervix_lbc4", 1)]
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
        terms = torch.tensor([1.0, 0.0, float(shots), 0.0, 0.0, 0.0, 0.0])
        tasks.append((scores, terms, labels))
    temperature = torch.nn.Parameter(torch.zeros(7))
    fit_temperature(temperature, tasks)
    expected = torch.tensor([0.5, 0.0, 0.3, 0.0, 0.0, 0.0, 0.0])
    torch.testing.assert_close(temperature.detach(), expected, atol=0.1, rtol=0)


def test_the_memory_holds_the_mean_of_each_class_before_and_after_the_step_to_its_expert(pool):
    run = new_run(pool)
    network, memory, source = run.network, run.network.memory, pool.sources[0]
    images = run.prepare.normalize(pool.images[source.indices[source.labels == 1]])
    means = []
    for weights in (network.generator.base_weights(), network.generator.moved_weights(0)):
        of_class = []
        for label in range(2):
            images = run.prepare.normalize(pool.images[source.indices[source.labels == label]])
            of_class.append(pooled_features(network.architecture, weights, images).mean(0))
        means.append(torch.stack(of_class))
    before, after = (own - own.mean(0) for own in means)
    torch.testing.assert_close(memory.directions[:2], before, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(memory.moved[:2], after, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(memory.centers[0], means[0].mean(0), rtol=1e-3, atol=1e-4)


def test_a_class_is_known_to_the_expert_of_its_family_that_learns_from_the_fewest():
    source = LabelSource(
        name="ham10000",
        family="dermatoscopy",
        indices=torch.arange(4),
        labels=torch.tensor([0, 0, 1, 1]),
        class_names=("bcc", "mel", "nv"),
    )
    held_out = dataclasses.replace(source, name="isic2017")
    texts = {("ham10000", label): torch.zeros(1, 4) for label in range(3)}
    texts["isic2017", 1] = torch.zeros(1, 4)
    experts = [
        Expert(name="wide", families=("photograph", "dermatoscopy"), optimization=quick(1)),
        Expert(name="skin", families=("dermatoscopy",), optimization=quick(1)),
        Expert(name="cells", families=("microscopy",), optimization=quick(1)),
    ]
    known = known_classes([source, held_out], texts, experts, ["isic2017"])
    # Nothing is known of a class without a picture or without a text.
    assert [(one.name, one.expert) for one in known] == [
        ("ham10000/bcc", 1),
        ("ham10000/mel", 1),
        ("isic2017/mel", -1),
    ]
