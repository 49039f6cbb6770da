"""A whole run: roles hold, a killed run ends where an uninterrupted one does, and what comes out is an engine."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import json
import os
import re
import signal
from collections import Counter

import pytest
import torch
from engines import TEXT_WIDTH, colored_support
from pools import Killed, kill_at, pretraining, tiny_recipe, write_set
from safetensors.torch import load_file

from sgps.datasets.catalogue import image_set
from sgps.engine.engine import Engine
from sgps.evaluation.provenance import git_commit
from sgps.pretraining import run as run_module
from sgps.pretraining import stages
from sgps.pretraining.parallel import Processes
from sgps.pretraining.representation import RepresentationRun
from sgps.pretraining.task_stream import TaskStream


@pytest.fixture(scope="module")
def finished(recipe, tmp_path_factory):
    """The folder of an uninterrupted run."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert pretraining(recipe, out).run() == out / "engine"
    return out


def engine_bytes(out):
    """What the engine's folder holds, but for the time that the run took."""
    content = {path.name: path.read_bytes() for path in (out / "engine").iterdir()}
    card = content["README.md"].decode()
    content["README.md"] = re.sub(r" in \d+\.\d hours ", " in some hours ", card).encode()
    return content


def log_rows(out):
    with (out / "log.csv").open(encoding="utf-8") as stream:
        return [
            (row["stage"], int(row["step"]), row["name"], float(row["value"]))
            for row in csv.DictReader(stream)
        ]


@pytest.mark.parametrize("minutes", [0.0, 60.0], ids=["after every step", "never in time"])
@pytest.mark.parametrize(
    ("stage", "step"),
    [
        ("base", 2),
        ("expert-cells", 3),
        ("expert-skin", 3),
        ("head", 1),
        ("episodic", 1),
        ("episodic", 3),
    ],
)
def test_a_killed_run_ends_where_an_uninterrupted_one_does(
    recipe, finished, tmp_path, monkeypatch, stage, step, minutes
):
    monkeypatch.setattr(stages, "LOG_EVERY", 1)
    chosen = dataclasses.replace(recipe, checkpoint_minutes=minutes)
    out = tmp_path / "run"
    with pytest.raises(Killed):
        pretraining(chosen, out, on_progress=kill_at(stage, step)).run()
    assert not (out / "engine").exists()
    pretraining(chosen, out, resume=True).run()
    assert engine_bytes(out) == engine_bytes(finished)
    logged = Counter(row[:3] for row in log_rows(out))
    assert set(logged.values()) == {1}
    assert {(s, n) for s, n, _ in logged} == {
        *(("base", n) for n in range(1, 5)),
        *(("expert-cells", n) for n in range(1, 5)),
        *(("expert-skin", n) for n in range(1, 4)),
        *(("episodic", n) for n in range(1, 5)),
    }


def test_the_head_is_not_taught_again_after_a_kill(recipe, tmp_path):
    out = tmp_path / "run"
    with pytest.raises(Killed):
        pretraining(recipe, out, on_progress=kill_at("episodic", 1)).run()
    stages_seen = set()
    pretraining(recipe, out, True, lambda stage, *_: stages_seen.add(stage)).run()
    assert "episodic" in stages_seen
    assert not stages_seen & {"head", "base", "expert-cells", "expert-skin"}


def test_ctrl_c_saves_the_step_that_was_under_way(recipe, finished, tmp_path):
    def interrupt(stage, done, total, numbers):
        if (stage, done) == ("base", 2):
            os.kill(os.getpid(), signal.SIGINT)

    out = tmp_path / "run"
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        pretraining(recipe, out, on_progress=interrupt).run()
    assert signal.getsignal(signal.SIGINT) is before
    assert int(load_file(out / "base.checkpoint.safetensors")["step"]) == 2
    steps = []
    pretraining(recipe, out, True, lambda stage, done, *_: steps.append((stage, done))).run()
    assert min(done for stage, done in steps if stage == "base") == 3
    assert engine_bytes(out) == engine_bytes(finished)


def test_a_finished_run_is_not_run_again(recipe, finished):
    before = engine_bytes(finished)

    def refuse(*_):
        raise AssertionError("nothing is left to do")

    assert pretraining(recipe, finished, True, refuse).run() == finished / "engine"
    assert engine_bytes(finished) == before


def test_the_engine_can_be_loaded_and_synthesizes(finished):
    engine = Engine.from_pretrained(finished / "engine", device="cpu")
    assert engine.config.experts == ("cells", "skin")
    assert engine.config.architecture == "test_efficientnet"
    assert engine.config.text_width == TEXT_WIDTH
    support = colored_support(described=(False, False, False))
    network = engine.synthesize(support)
    probabilities = network.probabilities(support.images)
    assert float((probabilities.argmax(1) == support.labels).float().mean()) > 0.9
    base = engine.network.generator.base_weights()
    assert [name for name in base if torch.equal(base[name], network.weights[name])] == []


def test_the_log_shows_that_weights_differ_between_tasks(finished):
    variances = [
        value for stage, _, name, value in log_rows(finished) if name == "between_task_variance"
    ]
    assert variances
    assert variances[-1] > 0


def test_the_log_holds_loss_and_speed_of_every_stage(finished):
    logged = {(stage, name) for stage, _, name, _ in log_rows(finished)}
    numbers = ("loss", "distance", "images_per_second", "loaded_per_second")
    for stage in ("base", "expert-cells", "expert-skin"):
        assert {(stage, name) for name in numbers} <= logged
    assert {("episodic", name) for name in ("loss", "accuracy", "tasks_per_second")} <= logged


def test_the_features_are_validated_on_held_out_sets_while_they_learn(
    folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(run_module, "LOG_EVERY", 1)
    monkeypatch.setattr(stages, "LOG_EVERY", 1)
    write_set(tmp_path, "cervix_lbc4", ["HSIL", "LSIL", "SCC"], groups=12)
    for name in ("bccd_wbc4.zip", "ham10000.zip", "start.safetensors"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    out = tmp_path / "run"
    pretraining(tiny_recipe(tmp_path, experts=()), out).run()
    values = [value for *_, name, value in log_rows(out) if name == "held_out_accuracy"]
    assert len(values) == 4
    assert min(values) > 100 / 3


def test_a_finished_network_is_validated_whatever_its_number_of_steps(finished):
    validated = [row[:2] for row in log_rows(finished) if row[2] == "held_out_accuracy"]
    assert validated == [("base", 4), ("expert-cells", 4), ("expert-skin", 3)]


def test_tensorboard_shows_what_the_csv_log_holds(finished):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for stage in ("base", "expert-cells", "expert-skin", "episodic"):
        board = EventAccumulator(str(finished / "tensorboard" / stage)).Reload()
        shown = {
            (name, event.step): event.value
            for name in board.Tags()["scalars"]
            for event in board.Scalars(name)
        }
        logged = {(name, n): value for own, n, name, value in log_rows(finished) if own == stage}
        assert shown.keys() == logged.keys()
        assert all(shown[key] == pytest.approx(logged[key], rel=1e-4) for key in logged)


def test_the_card_lists_every_set_class_count_and_license(finished):
    card = (finished / "engine" / "README.md").read_text(encoding="utf-8")
    rows = {line.split("|")[1].strip(): line for line in card.splitlines() if line.startswith("| ")}
    expected = {
        "bccd_wbc4": ("eosinophil 40, lymphocyte 40, monocyte 40", "features and episodes"),
        "cervix_lbc4": ("HSIL 12, LSIL 12, SCC 12", "episodes only"),
        "ham10000": ("bcc 60, mel 60, nv 60", "features and episodes"),
        "ham10000/age": ("20 90, 60 90", "features only"),
        "ham10000/localization": ("back 60, face 60", "features only"),
    }
    assert set(rows) == {"set", *expected}
    for name, (counts, use) in expected.items():
        entry = image_set(name.partition("/")[0])
        stated = [entry.modality, counts, use, entry.license, f"{entry.reference} |"]
        assert rows[name].split(" | ")[1:] == stated
    assert "Not a medical device" in card


def seconds_of(out):
    """What a run has noted of its time, by hardware."""
    return json.loads((out / "seconds.json").read_text(encoding="utf-8"))


def test_the_card_tells_code_time_and_hardware(finished):
    card = (finished / "engine" / "README.md").read_text(encoding="utf-8")
    hardware = f"{torch.get_num_threads()} CPU threads"
    seconds = seconds_of(finished)[hardware]
    commit = git_commit() or "unknown"
    assert f"Made at commit `{commit}` in {seconds / 3600:.1f} hours on {hardware}." in card


def test_the_time_of_a_resumed_run_is_that_of_both_parts(recipe, tmp_path, monkeypatch):
    clock = itertools.count()
    monkeypatch.setattr(stages.time, "monotonic", lambda: float(next(clock)))
    out = tmp_path / "run"
    with pytest.raises(Killed):
        pretraining(recipe, out, on_progress=kill_at("expert-skin", 1)).run()
    ((hardware, first),) = seconds_of(out).items()
    assert first > 0
    next(itertools.islice(clock, 1000, None))  # What passes between the two does not count.
    pretraining(recipe, out, resume=True).run()
    assert first < seconds_of(out)[hardware] < 1000


def test_the_card_tells_what_each_part_of_a_run_was_done_on(recipe, tmp_path, monkeypatch):
    clock = itertools.count(0, 60)
    monkeypatch.setattr(stages.time, "monotonic", lambda: float(next(clock)))
    out = tmp_path / "run"
    with pytest.raises(Killed):
        pretraining(recipe, out, on_progress=kill_at("expert-skin", 1)).run()
    monkeypatch.setattr(Processes, "hardware", "another machine")
    pretraining(recipe, out, resume=True).run()
    seconds = seconds_of(out)
    assert len(seconds) == 2
    card = (out / "engine" / "README.md").read_text(encoding="utf-8")
    told = " and ".join(f"{count / 3600:.1f} hours on {name}" for name, count in seconds.items())
    assert f" in {told}." in card
    assert told.endswith("another machine")


def test_the_run_keeps_its_recipe_without_local_paths(recipe, finished, folder):
    text = (finished / "recipe.json").read_text(encoding="utf-8")
    assert json.loads(text)["start"] == "start.safetensors"
    assert str(folder) not in text


@pytest.fixture
def starts(monkeypatch):
    """What each network of the feature stage goes on from, in order; filled while a run goes on."""
    starts = []
    whole = RepresentationRun.__init__

    def watch(self, **given):
        starts.append({name: tensor.clone() for name, tensor in given["start"].items()})
        whole(self, **given)

    monkeypatch.setattr(RepresentationRun, "__init__", watch)
    return starts


def test_experts_go_on_from_the_trained_base_while_tasks_start_part_of_the_way(
    recipe, finished, starts, tmp_path
):
    pretraining(recipe, tmp_path / "run").run()
    imagenet, *experts = starts
    trained = load_file(finished / "base.safetensors")
    for expert in experts:
        assert all(torch.equal(expert[name], trained[name]) for name in trained)
    network = Engine.from_pretrained(finished / "engine", device="cpu").network
    for name, tensor in network.generator.base_weights().items():
        halfway = (imagenet[name] + trained[name]) / 2
        torch.testing.assert_close(tensor, halfway, rtol=2e-3, atol=1e-5)
    skin = load_file(finished / "expert-skin.safetensors")
    for name, tensor in network.generator.expert_weights(1).items():
        torch.testing.assert_close(tensor, skin[name], rtol=2e-3, atol=2e-3)


def test_an_expert_may_go_on_from_the_start(recipe, starts, tmp_path):
    cells, skin = recipe.experts
    mixed = (dataclasses.replace(cells, from_start=True), skin)
    pretraining(dataclasses.replace(recipe, experts=mixed), tmp_path / "run").run()
    imagenet, first, second = starts
    assert all(torch.equal(first[name], imagenet[name]) for name in imagenet)
    assert not all(torch.equal(second[name], imagenet[name]) for name in imagenet)


@pytest.mark.parametrize("is_followed", [True, False])
def test_the_base_moves_towards_experts_that_have_a_share(recipe, starts, tmp_path, is_followed):
    cells, skin = recipe.experts
    experts = (dataclasses.replace(cells, share=0.3, is_followed=is_followed), skin)
    out = tmp_path / "run"
    pretraining(dataclasses.replace(recipe, experts=experts), out).run()
    imagenet, *_ = starts
    trained, cell = (load_file(out / f"{n}.safetensors") for n in ("base", "expert-cells"))
    network = Engine.from_pretrained(out / "engine", device="cpu").network
    for name, tensor in network.generator.base_weights().items():
        start = imagenet[name]
        moved = start + 0.5 * (trained[name] - start) + 0.3 * (cell[name] - start)
        torch.testing.assert_close(tensor, moved, rtol=2e-3, atol=1e-5)
    assert network.config.experts == (("cells", "skin") if is_followed else ("skin",))
    followed = {network.config.experts[one] for one in network.config.known_experts if one >= 0}
    assert followed == set(network.config.experts)
    direction = network.generator.expert_weights(len(network.config.experts) - 1)
    expert = load_file(out / "expert-skin.safetensors")
    name = "conv_stem.weight"
    torch.testing.assert_close(direction[name], expert[name], rtol=2e-2, atol=2e-3)


@pytest.fixture
def watched(recipe, monkeypatch, tmp_path):
    """What each stage was given, by class of the stage."""
    seen = {"features": [], "shown": [], "stream": []}
    run, teacher, stream = RepresentationRun.__init__, run_module.make_teacher, TaskStream.__init__

    def watch_run(self, **given):
        seen["features"].append((given["pool"], given["sources"]))
        run(self, **given)

    def watch_teacher(architecture, weights, images, size, seed):
        seen["shown"].append(images)
        return teacher(architecture, weights, images, size, seed)

    def watch_stream(self, pool, unseen, familiar, config, seed):
        seen["stream"].append((pool, unseen, familiar))
        stream(self, pool, unseen, familiar, config, seed)

    monkeypatch.setattr(RepresentationRun, "__init__", watch_run)
    monkeypatch.setattr(run_module, "make_teacher", watch_teacher)
    monkeypatch.setattr(TaskStream, "__init__", watch_stream)
    pretraining(recipe, tmp_path / "watched").run()
    return seen


def test_held_out_sets_and_reserved_groups_enter_only_episodes(watched):
    (pool, unseen, familiar), calibration = watched["stream"]
    assert calibration[1:] == ([], familiar)
    assert [source.name for source in unseen] == ["cervix_lbc4"]
    assert [source.name for source in familiar] == ["bccd_wbc4", "ham10000"]
    posed = {pool.groups[i] for source in (*unseen, *familiar) for i in source.indices.tolist()}
    assert len(watched["features"]) == 3
    for given, sources in watched["features"]:
        learned = {given.groups[i] for source in sources for i in source.indices.tolist()}
        assert learned
        assert learned.isdisjoint(posed)
    pictures = [i for source in (*unseen, *familiar) for i in source.indices.tolist()]
    posed_bytes = {pool.images[i].numpy().tobytes() for i in pictures}
    for shown in watched["shown"]:
        assert len(shown)
        assert posed_bytes.isdisjoint(picture.numpy().tobytes() for picture in shown)


def test_no_stage_sees_a_dev_class(watched):
    pools = [pool for pool, *_ in (*watched["features"], *watched["stream"])]
    for pool in pools:
        assert not [group for group in pool.groups if "akiec" in group or "pbc_8" in group]
    for _, sources in watched["features"]:
        assert not [source.name for source in sources if "akiec" in source.class_names]


def test_labels_by_metadata_of_a_held_out_set_are_held_out_too(recipe, tmp_path, monkeypatch):
    chosen = dataclasses.replace(recipe, held_out=("ham10000",), experts=recipe.experts[:1])
    names = []
    monkeypatch.setattr(
        RepresentationRun,
        "__init__",
        lambda self, **given: names.extend(s.name for s in given["sources"]),
    )
    with pytest.raises(AttributeError):
        pretraining(chosen, tmp_path / "run").run()
    assert names == ["bccd_wbc4", "cervix_lbc4"]


def test_the_global_random_state_is_left_alone(recipe, tmp_path):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    pretraining(recipe, tmp_path / "run").run()
    assert torch.equal(before, torch.random.get_rng_state())
