"""The memory of a method is that of a process which does nothing else."""

# ruff: noqa: F811 - pytest finds imported fixtures by the names of parameters.

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
from colors import PLAN, brief_tuning, colors, folder, peer  # noqa: F401

from sgps.evaluation.benchmark import Running, run_benchmark


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process its own height")
def test_memory_is_that_of_a_fresh_process_and_not_of_this_one(colors):
    # This process is made larger than one that only imports torch and answers one small episode (250 MB).
    ballast = b"x" * 900_000_000
    plan = replace(PLAN, way=2, episodes=2)
    result = run_benchmark([colors], ["chance"], plan, running=Running(costs=True))
    peak = result["methods"]["chance"]["peak_memory_bytes"]
    assert 50e6 < peak < len(ballast)
