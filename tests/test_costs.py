"""The memory of a method is that of a process which does nothing else."""

# ruff: noqa: F811 - pytest finds imported fixtures by the names of parameters.

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
from colors import PLAN, ColorEngine, brief_tuning, colors, folder, peer, pip_peers  # noqa: F401

from sgps.evaluation.benchmark import Running, run_benchmark
from sgps.evaluation.networks import load_networks

linux = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells a process its own height"
)


@linux
def test_memory_is_that_of_a_fresh_process_and_not_of_this_one(colors):
    # This process is made larger than one that only imports torch and answers one small episode (250 MB).
    ballast = b"x" * 900_000_000
    plan = replace(PLAN, way=2, episodes=2)
    result = run_benchmark([colors], ["chance"], plan, running=Running(costs=True))
    peak = result["methods"]["chance"]["peak_memory_bytes"]
    assert 50e6 < peak < len(ballast)


@linux
def test_a_process_is_given_the_peer_from_pip_and_the_pictures_without_labels(
    colors, peer, pip_peers
):
    method = "self-training@lite2"
    plan = replace(PLAN, way=2, episodes=2)
    result = run_benchmark([colors], [method], plan, peer=peer, running=Running(costs=True))
    assert result["methods"][method]["peak_memory_bytes"] > 50e6
    # Loaded once, though two processes have run on it.
    assert pip_peers.count(("lite2", peer.preprocessing.image_size)) == 1


@linux
def test_a_process_is_given_all_episodes_that_a_control_borrows_from(colors):
    method, plan = "sgps-nearest-task", replace(PLAN, way=2, episodes=4)
    result = run_benchmark(
        [colors], [method], plan, engine=ColorEngine(), running=Running(costs=True)
    )
    assert result["methods"][method]["peak_memory_bytes"] > 50e6


@pytest.mark.parametrize(
    ("method", "used"),
    [
        ("sgps", {"engine"}),
        ("ridge@engine", {"engine"}),
        ("ridge", {"peer"}),
        ("anil", {"peer"}),
        ("ridge@lite0", {"lite0"}),
        ("chance", set()),
    ],
)
def test_a_method_is_given_the_networks_that_it_runs_on_and_no_other(peer, pip_peers, method, used):
    all_of_them = load_networks(["ridge@lite0", "ridge@lite2"], ColorEngine(), peer, "cpu")
    own = all_of_them.used_by(method)
    assert {*own.peers, *(["engine"] if own.engine else [])} == used
