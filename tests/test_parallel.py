"""Two processes that share a run end where one alone does."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import joblib
import pytest
import torch
from pools import pretraining, quick, start_weights, tiny_recipe
from safetensors.torch import load_file

from sgps.errors import InputError
from sgps.pretraining.config import Expert
from sgps.pretraining.parallel import Processes, own_cpu_count

WORKER = """
import sys
from pathlib import Path

import torch
from pools import pretraining
from test_parallel import recipe_of

torch.set_num_threads(1)
folder, out, on_disk = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "disk"
pretraining(recipe_of(folder, on_disk), out).run()
"""


def recipe_of(folder, on_disk=False):
    """With one step on tasks: after it, rounding would decide which way AdamW makes full steps where gradients vanish."""
    recipe = tiny_recipe(folder, on_disk=on_disk, drawn_images=40, lexicon_drawings=0)
    drawn = Expert(name="drawn", families=("drawn",), optimization=quick(3, contrast=0.5))
    return dataclasses.replace(
        recipe,
        experts=(*recipe.experts, drawn),
        episodic=dataclasses.replace(recipe.episodic, steps=1),
    )


@pytest.fixture(scope="module")
def alone(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "alone"
    pretraining(recipe_of(folder), out).run()
    return out


@pytest.mark.parametrize("place", ["memory", "disk"])
def test_two_processes_learn_the_same_weights_as_one(folder, alone, tmp_path, place):
    script, out = tmp_path / "worker.py", tmp_path / "both"
    script.write_text(WORKER, encoding="utf-8")
    paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc-per-node", "2", script, folder, out, place),
        ],
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert (out / "pictures.uint8").exists() == (place == "disk")
    start = start_weights()
    for name in ("base", "expert-cells", "expert-skin", "expert-drawn"):
        one, two = (load_file(run / f"{name}.safetensors") for run in (alone, out))
        assert one.keys() == two.keys()
        # AdamW makes a full step of the smallest gradient, so that single elements may differ by more than rounding.
        moved = sum(float((one[k] - start[k]).abs().sum()) for k in one)
        apart = sum(float((one[k] - two[k]).abs().sum()) for k in one)
        assert apart < 1e-2 * moved
    one, two = (load_file(run / "episodic.checkpoint.safetensors") for run in (alone, out))
    # The second moment of every gradient ever added up: it tells two sums apart that single steps of AdamW would not.
    moments = [name for name in one if name.startswith("exp_avg_sq/")]
    size = sum(float(one[name].sqrt().sum()) for name in moments)
    apart = sum(float((one[name].sqrt() - two[name].sqrt()).abs().sum()) for name in moments)
    assert moments
    assert apart < 1e-2 * size, (apart, size)


def test_the_command_runs_under_fabric_run_and_one_process_speaks(folder, tmp_path):
    recipe = tmp_path / "recipe.toml"
    optimization = "steps = 4\nbatch_size = 8\n"
    recipe.write_text(
        f'name = "tiny"\nstart = "{folder}/start.safetensors"\ndata = "{folder}"\n'
        'architecture = "test_efficientnet"\n'
        f"[representation]\n{optimization}[episodic]\nsteps = 2\n",
        encoding="utf-8",
    )
    script = tmp_path / "command.py"
    script.write_text("from sgps.cli import main\n\nmain()\n", encoding="utf-8")
    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("fabric"), "run", "--accelerator", "cpu"),
            *("--devices", "2", script, "pretrain", recipe, "--dry-run"),
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["processes"] == 2


def test_a_process_without_others_is_the_first_and_has_every_row():
    processes = Processes("cpu")
    assert (processes.rank, processes.count, processes.is_first) == (0, 1, True)
    assert list(range(5))[processes.rows] == [0, 1, 2, 3, 4]
    numbers = torch.tensor([1.0, 2.0])
    processes.add_up([numbers])
    assert numbers.tolist() == [1.0, 2.0]


def test_processes_of_one_machine_share_its_cores(monkeypatch):
    monkeypatch.setattr(joblib, "cpu_count", lambda: 8)
    counts = []
    for local in ("1", "3", "16"):
        monkeypatch.setenv("LOCAL_WORLD_SIZE", local)
        counts.append(own_cpu_count())
    monkeypatch.delenv("LOCAL_WORLD_SIZE")
    assert [*counts, own_cpu_count()] == [8, 2, 1, 8]


def test_without_fabric_the_user_hears_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    with pytest.raises(InputError, match=r"pip install 'sgps\[pretrain\]'"):
        Processes("cpu")
