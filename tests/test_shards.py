"""Episodes may be shared among processes, and nothing of the result tells."""

# ruff: noqa: F811 - pytest finds imported fixtures by the names of parameters.

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from colors import (  # noqa: F401
    PLAN,
    ColorEngine,
    brief_tuning,
    colors,
    engine,
    folder,
    peer,
    without_seconds,
)
from test_work import files_of

from sgps.errors import InputError
from sgps.evaluation.benchmark import Running, run_benchmark, run_parts
from sgps.evaluation.shards import (
    Block,
    Part,
    _Array,
    _packed,
    _unpacked,
    blocks_of,
    usual_jobs,
)
from sgps.evaluation.work import WorkFolder


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_the_result_is_the_same_in_any_number_of_processes(colors, peer, tmp_path, one_thread):
    methods = ["sgps", "sgps-shuffled-text", "sgps-random-text", "sgps-nearest-task", "ridge"]
    plans = {
        "two": replace(PLAN, way=2, episodes=45, limits={"ridge": 25}),
        "three": replace(PLAN, episodes=30, seed=1),
    }
    texts = []
    for jobs in (1, 2):
        work = WorkFolder(tmp_path / str(jobs))
        parts = run_parts(
            [colors],
            methods,
            plans,
            engine=ColorEngine(),
            peer=peer,
            per_episode=True,
            running=Running(jobs=jobs, work=work),
        )
        for part in parts.values():
            assert part["settings"].pop("jobs") == jobs
        texts.append(json.dumps(without_seconds(parts)))
    assert texts[0] == texts[1]
    assert list(files_of(tmp_path / "1")) == list(files_of(tmp_path / "2"))


def test_blocks_cover_every_episode_of_every_part_once():
    parts = [
        Part(name=name, title=name, first=first, last=last, seed=0, counts={})
        for name, first, last in (("a", 0, 45), ("b", 45, 60))
    ]
    assert blocks_of(parts) == [
        Block(0, 0, 20),
        Block(0, 20, 40),
        Block(0, 40, 45),
        Block(1, 0, 15),
    ]


@pytest.mark.parametrize(
    ("cores", "episodes", "jobs"), [(4, 1000, 4), (4, 250, 2), (4, 20, 1), (64, 8000, 8)]
)
def test_every_core_gets_a_share_where_it_pays(monkeypatch, cores, episodes, jobs):
    monkeypatch.setattr("joblib.cpu_count", lambda: cores)
    assert usual_jobs(episodes) == jobs


def test_material_survives_its_journey(peer):
    back = _unpacked(_packed(peer))
    assert (back.name, back.preprocessing) == (peer.name, peer.preprocessing)
    assert back.weights.keys() == peer.weights.keys()
    assert all(torch.equal(back.weights[name], peer.weights[name]) for name in peer.weights)


def test_memory_that_nobody_may_write_to_is_copied():
    numbers = np.arange(3.0)
    numbers.flags.writeable = False
    back = _unpacked(_Array(numbers))
    back += 1
    assert numbers.tolist() == [0, 1, 2]


def test_a_cluster_is_for_several_processes(colors, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    with pytest.raises(
        InputError, match=r"^--backend ray shares the work among --jobs\. Ask for at least 2\.$"
    ):
        run_benchmark([colors], ["chance"], PLAN, running=Running(backend="ray"))


def test_large_tensors_are_arrays_on_their_way_so_that_processes_can_share_them(peer):
    assert {type(own) for own in _packed(peer).weights.values()} == {_Array}


@pytest.mark.parametrize("running", [Running(jobs=2), Running(costs=True)])
def test_processes_are_for_the_cpu(colors, running):
    name = "--jobs" if running.jobs > 1 else "--costs"
    with pytest.raises(
        InputError,
        match=rf"^{name} is for processes on the CPU\. Leave it out or add --device cpu\.$",
    ):
        run_benchmark([colors], ["chance"], PLAN, device="cuda", running=running)
