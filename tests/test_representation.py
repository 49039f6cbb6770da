"""The feature stage learns, keeps the general features alive, and repeats itself exactly."""

from __future__ import annotations

import dataclasses
import logging
import math

import pytest
import torch
from pools import SIZE, drawn_pool, quick, start_weights

from sgps.pretraining.checkpoints import load_checkpoint, save_checkpoint
from sgps.pretraining.parallel import Processes
from sgps.pretraining.representation import RepresentationRun, learning_rate
from sgps.pretraining.teachers import frozen_features, make_teacher, normalized
from sgps.target.architecture import build_architecture

ARCHITECTURE = build_architecture("test_efficientnet")


@pytest.fixture(scope="module")
def pool():
    return drawn_pool({"first": 3, "second": 2})


def new_run(pool, steps=10, seed=0, **changes):
    start = start_weights()
    return RepresentationRun(
        architecture=ARCHITECTURE,
        start=start,
        pool=pool,
        sources=pool.split()[0],
        teachers=[make_teacher(ARCHITECTURE, start, pool.images, SIZE, 0)],
        config=quick(steps, **changes),
        seed=seed,
        processes=Processes("cpu"),
    )


def advance(run, steps):
    return [run.advance() for _ in range(steps)]


def losses_of(run):
    return run.losses(run.draw()[1])


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_ten_steps_are_five_and_five_resumed_bit_for_bit(pool, tmp_path):
    whole = new_run(pool)
    losses = advance(whole, 10)
    first = new_run(pool)
    assert advance(first, 5) == losses[:5]
    save_checkpoint(first.state_dict(), tmp_path / "half.safetensors", "recipe")
    second = new_run(pool)
    second.load_state_dict(load_checkpoint(tmp_path / "half.safetensors", "recipe"))
    assert advance(second, 5) == losses[5:]
    assert same(whole.state_dict(), second.state_dict())


def test_going_on_leaves_the_state_that_was_loaded_as_it_was(pool):
    first = new_run(pool)
    advance(first, 2)
    state = {name: tensor.clone() for name, tensor in first.state_dict().items()}
    before = {name: tensor.clone() for name, tensor in state.items()}
    second = new_run(pool)
    second.load_state_dict(state)
    advance(second, 2)
    assert same(state, before)


def test_the_same_seed_gives_the_same_run_and_another_seed_another(pool):
    runs = [new_run(pool, seed=seed) for seed in (0, 0, 1)]
    losses = [advance(run, 2) for run in runs]
    assert losses[0] == losses[1] != losses[2]


def test_a_batch_depends_on_seed_and_step_only(pool):
    run = new_run(pool)
    advance(run, 3)
    jumped = new_run(pool)
    jumped.step = 3
    with torch.no_grad():
        for name, tensor in jumped.tensors.items():
            tensor.copy_(run.tensors[name])
    torch.manual_seed(99)
    jumped.sampler.load_state_dict(run.sampler.state_dict())
    (batch, shown), (other_batch, other_shown) = run.draw(), jumped.draw()
    assert torch.equal(batch.entries, other_batch.entries)
    assert all(map(torch.equal, shown, other_shown))
    assert all(map(torch.equal, run.losses(shown), jumped.losses(other_shown)))


def test_the_loss_falls_on_what_can_be_learned(pool):
    losses = [
        cross_entropy for cross_entropy, _ in advance(new_run(pool, 30, learning_rate=2e-3), 30)
    ]
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])


def test_a_step_with_a_gradient_that_is_not_finite_is_left_out(pool, monkeypatch, caplog):
    run = new_run(pool)
    advance(run, 1)
    before = {name: tensor.detach().clone() for name, tensor in run.tensors.items()}
    whole = RepresentationRun.losses

    def broken(self, shown):
        found = whole(self, shown)
        return found._replace(cross_entropy=found.cross_entropy * float("nan"))

    monkeypatch.setattr(RepresentationRun, "losses", broken)
    with caplog.at_level(logging.WARNING):
        run.advance()
    assert "step 1 left out: its gradient is not finite" in caplog.text
    assert same(before, {name: tensor.detach() for name, tensor in run.tensors.items()})
    monkeypatch.undo()
    run.advance()
    assert run.step == 3
    assert all(bool(tensor.isfinite().all()) for tensor in run.average.values())


def test_distillation_keeps_features_close_to_the_start(pool):
    distances = {}
    for weight in (0.0, 10.0):
        run = new_run(pool, 20, distillation=weight, learning_rate=2e-3, ema_decay=0.5)
        advance(run, 20)
        images = pool.images[::5].float() / 255
        features = frozen_features(ARCHITECTURE, run.average, images) - run.teachers[0].center
        cosine = torch.cosine_similarity(features, run.teachers[0].features(images))
        distances[weight] = float(1 - cosine.mean())
    assert distances[10.0] < 0.7 * distances[0.0]


def test_the_views_of_a_picture_are_told_from_other_pictures_better_and_better(pool):
    run = new_run(pool, 40, contrast=1.0, distillation=0.0, learning_rate=2e-3)
    contrasts = []
    for _ in range(40):
        contrasts.append(float(losses_of(run).contrast.detach()))
        run.advance()
    assert sum(contrasts[-5:]) < 0.8 * sum(contrasts[:5])
    assert float(losses_of(new_run(pool)).contrast) == 0


def test_with_contrast_too_ten_steps_are_five_and_five_resumed(pool):
    whole, first, second = (new_run(pool, contrast=0.5) for _ in range(3))
    losses = advance(whole, 10)
    assert advance(first, 5) == losses[:5]
    second.load_state_dict(first.state_dict())
    assert advance(second, 5) == losses[5:]
    assert same(whole.state_dict(), second.state_dict())


def test_a_picture_is_asked_for_all_that_is_known_of_it(pool):
    first = pool.sources[0]
    age = dataclasses.replace(
        first,
        name="first/age",
        indices=first.indices[:1],
        labels=torch.zeros(1, dtype=torch.int64),
        class_names=("20", "40", "60", "80"),
    )
    alone = dataclasses.replace(first, indices=first.indices[:1], labels=first.labels[:1])
    run = new_run(dataclasses.replace(pool, sources=(alone, age)), label_smoothing=0.0)
    with torch.no_grad():
        run.tensors["head.weight"].zero_()
    of_both = (math.log(3) + 0.3 * math.log(4)) / 1.3
    assert float(losses_of(run).cross_entropy.detach()) == pytest.approx(of_both, rel=1e-5)


def test_drawn_pictures_are_told_apart_within_their_kind_only(pool):
    first = pool.sources[0]
    kinds = [
        dataclasses.replace(first, name=f"drawn-{name}", family="drawn")
        for name in ("cell/color", "cell/size", "lesion/color")
    ]
    run = new_run(dataclasses.replace(pool, sources=(*pool.sources, *kinds)), contrast=1.0)
    real, _, cell, again, lesion = run._crowd.tolist()
    assert cell == again
    assert len({real, cell, lesion}) == 3


def test_before_the_first_step_nothing_is_lost_of_the_start(pool):
    run = new_run(pool)
    assert float(losses_of(run).distance.detach()) == pytest.approx(0, abs=1e-5)
    assert same(run.average, start_weights())


def test_every_tensor_of_the_network_learns(pool):
    run = new_run(pool)
    advance(run, 2)
    start = start_weights()
    assert [name for name in start if torch.equal(start[name], run.average[name])] == []


def test_the_start_given_is_not_changed(pool):
    start = start_weights()
    run = RepresentationRun(
        architecture=ARCHITECTURE,
        start=start,
        pool=pool,
        sources=pool.sources,
        teachers=[],
        config=quick(1),
        seed=0,
        processes=Processes("cpu"),
    )
    run.tensors["conv_stem.weight"].data.add_(1)
    run.average["conv_stem.weight"].add_(1)
    assert same(start, start_weights())


def test_the_rate_rises_and_then_falls_to_nothing():
    config = quick(10, warmup_steps=3, learning_rate=1.0)
    rates = [learning_rate(config, step) for step in range(10)]
    assert rates[:4] == pytest.approx([1 / 3, 2 / 3, 1, 1])
    assert rates[3:] == sorted(rates[3:], reverse=True)
    assert learning_rate(config, 10) == pytest.approx(0)


def test_pictures_are_put_into_the_units_of_the_network():
    images = torch.tensor(ARCHITECTURE.mean).view(1, 3, 1, 1).expand(2, 3, 4, 4)
    assert float(normalized(ARCHITECTURE, images).abs().max()) < 1e-6
