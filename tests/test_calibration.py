"""A finished engine learns how sure to be from tasks of image sets and of drawings, and what is typical from the former alone."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator

import pytest
import torch
from engines import HashedText, tiny_network
from pools import SIZE, pretraining, tiny_recipe, write_sets

from sgps.engine.model import SynthesisNetwork
from sgps.pretraining import run as run_module
from sgps.pretraining.calibration import AskedTask, calibrate
from sgps.pretraining.config import Episodic
from sgps.pretraining.drawn_tasks import drawn_tasks
from sgps.task import Preprocessing

CONFIG = Episodic(steps=1, max_shot=4, queries=3)


def tasks(network: SynthesisNetwork, count: int, seed: int = 0) -> Iterator[AskedTask]:
    mean, std = network.architecture.mean, network.architecture.std
    prepare = Preprocessing(image_size=SIZE, mean=mean, std=std)
    return drawn_tasks(count, CONFIG, seed, HashedText(), prepare, torch.device("cpu"))


@pytest.fixture
def network() -> SynthesisNetwork:
    return tiny_network()


def test_drawn_tasks_have_pictures_and_answers_of_every_class(network):
    shots = set()
    for task in tasks(network, 12):
        ways = len(task.tensors.has_text)
        assert 3 <= ways <= 5
        counts = torch.bincount(task.tensors.labels, minlength=ways)
        assert counts.unique().numel() == 1
        shots.add(int(counts[0]))
        assert task.tensors.images.shape == (int(counts.sum()), 3, SIZE, SIZE)
        assert torch.bincount(task.labels).tolist() == [CONFIG.queries] * ways
        assert task.queries.shape == (CONFIG.queries * ways, 3, SIZE, SIZE)
    assert min(shots) == 1
    assert 1 < max(shots) <= CONFIG.max_shot


def test_drawn_tasks_are_described_or_not_and_the_seed_decides_all(network):
    found, again, other = (
        list(tasks(network, 12)),
        list(tasks(network, 12)),
        list(tasks(network, 12, 1)),
    )
    described = {bool(task.tensors.has_text.any()) for task in found}
    assert described == {True, False}
    for task in found:
        says = task.tensors.text.norm(dim=1) > 0
        assert torch.equal(says, task.tensors.has_text)
        assert says.all() or not says.any()
    for one, same in zip(found, again, strict=True):
        assert torch.equal(one.queries, same.queries)
        assert torch.equal(one.tensors.text, same.tensors.text)
    assert not torch.equal(found[0].queries[0], other[0].queries[0])


def test_the_temperature_is_fitted_to_all_tasks_and_what_is_typical_to_photographed_ones(network):
    told = []
    photographed = list(tasks(network, 6))
    plain, mixed, drawn_only = (copy.deepcopy(network) for _ in range(3))
    calibrate(plain, photographed, (), told.append)
    calibrate(mixed, photographed, tasks(network, 6, 1), told.append)
    calibrate(drawn_only, (), tasks(network, 6, 1), told.append)
    assert told == [*range(1, 7), *range(1, 13), *range(1, 7)]
    temperatures = [one.head.temperature for one in (network, plain, mixed, drawn_only)]
    for place, one in enumerate(temperatures):
        for other in temperatures[place + 1 :]:
            assert not torch.equal(one, other)
    assert torch.equal(plain.typicality.percentiles, mixed.typicality.percentiles)
    assert not torch.equal(plain.typicality.percentiles, network.typicality.percentiles)
    assert torch.equal(drawn_only.typicality.percentiles, network.typicality.percentiles)


def test_without_tasks_nothing_changes(network):
    before = copy.deepcopy(network)
    calibrate(network, (), (), lambda done: None)
    for one, other in (
        (network.state_dict(), before.state_dict()),
        (dict(network.typicality.named_buffers()), dict(before.typicality.named_buffers())),
    ):
        assert one
        assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


@pytest.mark.parametrize(("drawings", "drawn"), [(10, 10), (0, 0)])
def test_each_kind_of_drawings_poses_as_many_tasks_as_a_set(drawings, drawn, tmp_path, monkeypatch):
    given, calibrated = [], []

    def watch(count, *args):
        given.append(count)
        return iter(["drawn"] * count)

    def note(network, photographed, drawn, on_done):
        calibrated.append((len(list(photographed)), list(drawn)))

    monkeypatch.setattr(run_module, "drawn_tasks", watch)
    monkeypatch.setattr(run_module, "calibrate", note)
    write_sets(tmp_path)
    recipe = tiny_recipe(tmp_path, lexicon_drawings=drawings)
    episodic = dataclasses.replace(recipe.episodic, calibration_tasks=12)
    pretraining(dataclasses.replace(recipe, episodic=episodic), tmp_path / "run").run()
    # Two sets and ten kinds.
    assert given == [drawn]
    assert calibrated == [(12 - drawn, ["drawn"] * drawn)]
