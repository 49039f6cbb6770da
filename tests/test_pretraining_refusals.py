"""`sgps pretrain` refuses what cannot work before anything is lost, and says what to do."""

from __future__ import annotations

import dataclasses
import sys
import zipfile

import pytest
import torch
from engines import HashedText
from pools import (
    Killed,
    kill_at,
    pretraining,
    quick,
    tiny_recipe,
    write_set,
    write_sets,
    write_start,
)
from safetensors import SafetensorError
from safetensors.torch import load_file
from typer.testing import CliRunner

from sgps.cli import app
from sgps.datasets.catalogue import image_set
from sgps.engine.engine import Engine
from sgps.errors import InputError
from sgps.pretraining import checkpoints
from sgps.pretraining import run as run_module
from sgps.pretraining.checkpoints import save_checkpoint
from sgps.pretraining.config import Expert
from sgps.pretraining.parallel import Processes
from sgps.pretraining.representation import RepresentationRun
from sgps.pretraining.run import Pretraining


@pytest.fixture
def stopped(recipe, tmp_path):
    """A run that was killed in its first stage, with a checkpoint."""
    out = tmp_path / "stopped"
    chosen = dataclasses.replace(recipe, checkpoint_minutes=0)
    with pytest.raises(Killed):
        pretraining(chosen, out, on_progress=kill_at("base", 3)).run()
    assert (out / "base.checkpoint.safetensors").exists()
    return out


def test_an_existing_folder_is_refused_without_resume(recipe, stopped, tmp_path):
    with pytest.raises(
        InputError, match=r"^'.*stopped' exists already\. Add --resume to go on, or"
    ):
        pretraining(recipe, stopped)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"^'.*file' exists already\."):
        pretraining(recipe, tmp_path / "file", resume=True)


def test_a_run_of_another_recipe_is_refused_and_the_difference_named(recipe, stopped):
    other = dataclasses.replace(recipe, seed=7, representation=quick(5))
    message = (
        r"^'.*stopped' belongs to another recipe; these differ: representation, seed\. Name another"
    )
    with pytest.raises(InputError, match=message):
        pretraining(other, stopped, resume=True)


def test_how_networks_are_put_together_may_be_chosen_again_until_episodes_begin(recipe, tmp_path):
    out = tmp_path / "run"
    with pytest.raises(Killed):
        pretraining(recipe, out, on_progress=kill_at("head", 1)).run()
    (skin, *rest) = reversed(recipe.experts)
    changes = {
        "name": "other",
        "base_step": 0.7,
        "experts": (*rest, dataclasses.replace(skin, share=0.2)),
        "episodic": dataclasses.replace(recipe.episodic, steps=2),
    }
    other = dataclasses.replace(recipe, **changes)
    stages = set()
    resumed = pretraining(other, out, True, lambda stage, *_: stages.add(stage)).run()
    assert not stages & {"base", "expert-cells", "expert-skin"}
    assert (resumed / "config.json").read_text(encoding="utf-8").count('"other"') == 1
    fresh = pretraining(other, tmp_path / "fresh").run()
    assert (fresh / "engine.safetensors").read_bytes() == (
        resumed / "engine.safetensors"
    ).read_bytes()
    message = (
        r"^'.*run' belongs to another recipe; these differ: base_step, episodic, experts, name\."
    )
    with pytest.raises(InputError, match=message):
        pretraining(recipe, out, resume=True)


def test_a_damaged_note_of_the_recipe_is_refused(recipe, tmp_path):
    (tmp_path / "recipe.json").write_text("{")
    with pytest.raises(InputError, match=r"^.*recipe\.json is damaged\. Remove it if"):
        pretraining(recipe, tmp_path, resume=True)


def test_a_checkpoint_of_another_recipe_is_refused(recipe, stopped):
    (stopped / "recipe.json").unlink()
    message = (
        r"^.*base\.checkpoint\.safetensors belongs to another recipe\. Give the run another --out"
    )
    with pytest.raises(InputError, match=message):
        pretraining(dataclasses.replace(recipe, seed=7), stopped, resume=True).run()


def write_further(folder, name):
    return write_set(folder, name, image_set(name).train_labels[:2], groups=2)


def test_a_run_goes_on_with_the_start_and_the_pictures_that_it_began_with_only(tmp_path):
    folder, out = tmp_path / "sets", tmp_path / "run"
    folder.mkdir()
    write_sets(folder)
    gone = write_further(folder, "isic2017")
    recipe = tiny_recipe(folder)
    with pytest.raises(Killed):
        pretraining(recipe, out, on_progress=kill_at("base", 1)).run()
    pretraining(recipe, out, resume=True)
    gone.unlink()
    write_further(folder, "leukemia_all4")
    write_start(folder / "start.safetensors", seed=1)
    (folder / "ham10000_metadata.csv").unlink()
    # The same names, labels and groups; one picture is another.
    with zipfile.ZipFile(folder / "bccd_wbc4.zip") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["monocyte/monocyte0.png"] = members["monocyte/monocyte1.png"]
    with zipfile.ZipFile(folder / "bccd_wbc4.zip", "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    message = (
        r"^'.*run' has learned from other data; these differ: bccd_wbc4, ham10000, start; these are missing: isic2017; "
        r"these are new: leukemia_all4\. Name another --out, or restore the data\.$"
    )
    with pytest.raises(InputError, match=message):
        pretraining(recipe, out, resume=True).run()


def test_a_run_that_has_not_noted_what_it_learned_from_goes_on_and_notes_it(recipe, stopped):
    note = stopped / "learned_from.json"
    before = note.read_bytes()
    note.unlink()
    with pytest.raises(Killed):
        pretraining(recipe, stopped, True, kill_at("base", 4)).run()
    assert note.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_read(recipe, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        InputError, match=r"^cannot write '.*run': Not a directory\. Name another --out"
    ):
        pretraining(recipe, tmp_path / "file" / "run")


@pytest.mark.parametrize(
    "error",
    [OSError(28, "No space left on device"), SafetensorError("I/O error: No space left on device")],
)
def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(
    recipe, stopped, monkeypatch, error
):
    path = stopped / "base.checkpoint.safetensors"
    before = path.read_bytes()

    def fail(content, partial, metadata):
        partial.write_bytes(b"half")
        raise error

    monkeypatch.setattr(checkpoints, "save_file", fail)
    message = (
        r"^cannot write .*base\.checkpoint\.safetensors: .*No space left on device\. Make room"
    )
    with pytest.raises(InputError, match=message):
        pretraining(recipe, stopped, resume=True).run()
    assert path.read_bytes() == before
    assert not list(stopped.glob("*.partial"))


def test_weights_that_are_no_longer_finite_are_not_kept(recipe, tmp_path, monkeypatch):
    whole = RepresentationRun.advance

    def overflow(self):
        numbers = whole(self)
        self.average["conv_stem.weight"].fill_(float("inf"))
        return numbers

    monkeypatch.setattr(RepresentationRun, "advance", overflow)
    message = r"^the weights of base are no longer finite at step 4\. Lower its learning_rate and name another --out\.$"
    with pytest.raises(InputError, match=message):
        pretraining(recipe, tmp_path / "run").run()
    assert not (tmp_path / "run" / "base.safetensors").exists()


def test_a_damaged_checkpoint_is_refused(recipe, stopped):
    path = stopped / "base.checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(
        InputError, match=r"^.*base\.checkpoint\.safetensors is damaged: .* Remove it"
    ):
        pretraining(recipe, stopped, resume=True).run()


def test_a_checkpoint_that_lacks_tensors_is_refused(recipe, stopped):
    path = stopped / "base.checkpoint.safetensors"
    content = load_file(path)
    content.pop("tensor/conv_stem.weight")
    save_checkpoint(content, path, recipe.stage_digest("base"))
    message = r"^.*base\.checkpoint\.safetensors does not fit this version of sgps \(.*conv_stem"
    with pytest.raises(InputError, match=message):
        pretraining(recipe, stopped, resume=True).run()


def test_a_start_of_another_architecture_is_refused(recipe, tmp_path):
    start = write_start(tmp_path / "b0.safetensors", "tf_efficientnet_lite0")
    message = r"^the start .*b0\.safetensors is not a test_efficientnet: missing, further or wrong .* Correct"
    with pytest.raises(InputError, match=message):
        pretraining(dataclasses.replace(recipe, start=str(start)), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_start_of_a_deeper_network_of_the_same_family_is_refused(recipe, tmp_path):
    start = write_start(tmp_path / "b1.safetensors", "tf_efficientnetv2_b1")
    chosen = dataclasses.replace(recipe, start=str(start), architecture="tf_efficientnetv2_b0")
    with pytest.raises(
        InputError, match=r"^the start .* is not a tf_efficientnetv2_b0: .*blocks\."
    ):
        pretraining(chosen, tmp_path / "run")


def test_a_start_that_cannot_be_read_is_refused(recipe, tmp_path):
    path = tmp_path / "start.safetensors"
    for content in (None, b"", b"no weights"):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(InputError, match=r"^the start .* is not a readable safetensors file: "):
            pretraining(dataclasses.replace(recipe, start=str(path)), tmp_path / "run")


def test_a_family_without_pictures_is_refused_before_anything_is_trained(recipe, tmp_path):
    experts = (
        *recipe.experts,
        Expert(name="eyes", families=("photograph",), optimization=quick(1)),
        Expert(name="bones", families=("radiology",), optimization=quick(1)),
    )
    message = (
        r"^no train set for eyes, bones in .*: the families there are dermatoscopy, microscopy\."
    )
    with pytest.raises(InputError, match=message):
        pretraining(dataclasses.replace(recipe, experts=experts), tmp_path / "run").run()
    assert not (tmp_path / "run").exists()


def test_a_start_on_the_hub_is_read_from_there(recipe, folder, tmp_path, monkeypatch):
    asked = []

    def download(repository, file):
        asked.append((repository, file))
        return str(folder / "start.safetensors")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    chosen = dataclasses.replace(recipe, start="hf-hub:timm/test_efficientnet.r160_in1k")
    run = pretraining(chosen, tmp_path / "run")
    assert asked == [("timm/test_efficientnet.r160_in1k", "model.safetensors")]
    plain = pretraining(recipe, tmp_path / "other")
    assert all(torch.equal(run.start[name], plain.start[name]) for name in plain.start)


def test_a_start_on_the_hub_that_cannot_be_had_is_refused(recipe, tmp_path, monkeypatch):
    def fail(repository, file):
        raise OSError("no network")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fail)
    chosen = dataclasses.replace(recipe, start="hf-hub:timm/none")
    message = r"^the start hf-hub:timm/none cannot be downloaded \(no network\)\. Check the name"
    with pytest.raises(InputError, match=message):
        pretraining(chosen, tmp_path / "run")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match="pip install huggingface_hub"):
        pretraining(chosen, tmp_path / "run")


def test_a_recipe_that_holds_everything_out_is_refused(recipe, tmp_path):
    chosen = dataclasses.replace(
        recipe, held_out=("bccd_wbc4", "cervix_lbc4", "ham10000"), experts=()
    )
    with pytest.raises(
        InputError, match=r"^no train set for the base in .*: the families there are none\."
    ):
        pretraining(chosen, tmp_path / "run").run()


def test_a_device_that_is_not_there_is_refused(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=r"^device 'cuda' asked for, but torch finds no GPU"):
        Processes("cuda")


TEXT = """
name = "tiny"
start = "start.safetensors"
data = "."
architecture = "test_efficientnet"
image_size = 32
stored_size = 32
held_out = ["cervix_lbc4"]

[representation]
steps = 2
batch_size = 8
image_size = 32

[episodic]
steps = 2
head_steps = 1
tasks_per_step = 2
max_way = 3
image_size = 32
"""


@pytest.fixture
def command(folder, tmp_path, monkeypatch):
    """Run `sgps pretrain` on a recipe of two networks without experts."""
    monkeypatch.setattr(run_module, "DescriptionEncoder", lambda sentences: HashedText())
    runner = CliRunner()

    def call(*arguments):
        path = tmp_path / "tiny.toml"
        path.write_text(TEXT.replace('"start.', f'"{folder}/start.'), encoding="utf-8")
        return runner.invoke(app, ["pretrain", str(path), "--data", str(folder), *arguments])

    return call


def test_the_command_prints_the_folder_of_the_engine(command, tmp_path):
    out = tmp_path / "run"
    result = command("--out", str(out), "--device", "cpu", "--quiet")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{out / 'engine'}\n"
    assert Engine.from_pretrained(out / "engine", device="cpu").config.experts == ()
    assert isinstance(command("--out", str(out), "--quiet").exception, InputError)
    assert command("--out", str(out), "--quiet", "--resume").exit_code == 0


def test_the_command_says_how_to_go_on_after_ctrl_c(command, tmp_path, monkeypatch):
    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Pretraining, "run", interrupted)
    result = command("--out", str(tmp_path / "run"), "--device", "cpu")
    assert result.exit_code == 130
    assert "--resume goes on from the last checkpoint" in result.stderr
