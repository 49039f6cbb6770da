"""`sgps pretrain --dry-run` says what a recipe will do and does nothing."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest
from pools import quick, tiny_recipe
from typer.testing import CliRunner

from sgps.cli import app
from sgps.drawings.tasks import KINDS
from sgps.errors import InputError
from sgps.pretraining.config import Expert
from sgps.pretraining.plan import plan

RECIPES = Path(__file__).parent.parent / "recipes"


def test_the_plan_counts_what_may_be_learned_from(folder):
    made = plan(tiny_recipe(folder, drawn_images=10), 2)
    assert made["pictures"] == 120 + 36 + 180
    assert made["drawings_of_lexicon"] == len(KINDS) * 10
    assert set(made["sets"]) == {"bccd_wbc4", "cervix_lbc4", "ham10000"}
    assert made["sets"]["ham10000"]["classes"] == ["bcc", "mel", "nv"]
    assert made["sets"]["cervix_lbc4"]["stage"] == "episodes"
    assert made["stages"]["base"]["pictures_a_step_and_process"] == 4
    assert made["stages"]["episodic"] == {"steps": 4, "tasks": 8}
    assert 0.09e6 < made["parameters"] < 0.11e6


def test_a_start_on_the_hub_is_not_fetched(folder):
    made = plan(tiny_recipe(folder, start="hf-hub:timm/none.at_all"), 1)
    assert made["start"] == "hf-hub:timm/none.at_all"


def test_what_a_run_would_refuse_is_refused(folder):
    recipe = tiny_recipe(folder)
    with pytest.raises(InputError, match="is not a readable safetensors file"):
        plan(dataclasses.replace(recipe, start=str(folder / "none.safetensors")), 1)
    message = r"^4 processes cannot share episodic\.tasks_per_step = 2\. Use fewer processes"
    with pytest.raises(InputError, match=message):
        plan(recipe, 4)


def test_an_expert_without_a_set_is_refused_before_anything_is_decoded(folder):
    eyes = Expert(name="eyes", families=("photograph",), optimization=quick(1))
    message = r"^no train set for eyes in .*: the families there are dermatoscopy, microscopy\. Add"
    with pytest.raises(InputError, match=message):
        plan(tiny_recipe(folder, experts=(eyes,)), 1)


def test_the_command_prints_the_plan_and_leaves_no_folder(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = str(RECIPES / "cluster.toml")
    done = CliRunner().invoke(app, ["pretrain", recipe, "--data", str(folder), "--dry-run"])
    # The recipe holds out sets that are not in this folder, and has experts of families without one there.
    assert isinstance(done.exception, InputError)
    assert "`held_out` names sets that are no train sets" in str(done.exception)
    text = Path(recipe).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("held_out")]
    own = tmp_path / "own.toml"
    text = re.sub(r'\["(photograph|radiology)"\]', '["microscopy"]', "\n".join(lines))
    own.write_text(text, encoding="utf-8")
    done = CliRunner().invoke(app, ["pretrain", str(own), "--data", str(folder), "--dry-run"])
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["architecture"] == "tf_efficientnetv2_s"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own.toml"]
