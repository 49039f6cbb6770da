"""What would go wrong on a GPU for want of a tensor in its right place goes wrong here, on the CPU; and nothing does."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from colors import TEXTS, draw_folder
from engines import HashedText, colored_support, tiny_engine, tiny_network
from pools import SIZE, Killed, drawn_pool, ignore, kill_at, pretraining, quick, start_weights
from pretended_gpu import GPU, GPU_NAME, PretendedGraph, pretended_gpu
from safetensors.torch import load_file
from torch.nn import functional

from sgps.engine.config import ENGINE_PARTS
from sgps.engine.engine import Engine, resolve_device
from sgps.engine.text import default_text_encoder
from sgps.evaluation.benchmark import EpisodePlan, run_benchmark
from sgps.evaluation.peers import Peer
from sgps.evaluation.sets import describe, read_benchmark_set
from sgps.pretraining import run as run_module
from sgps.pretraining.checkpoints import load_checkpoint, save_checkpoint
from sgps.pretraining.config import Expert
from sgps.pretraining.episodic import EpisodicRun
from sgps.pretraining.parallel import Processes
from sgps.pretraining.representation import RepresentationRun
from sgps.pretraining.run import Pretraining
from sgps.pretraining.teachers import make_teacher
from sgps.target import network
from sgps.target.architecture import build_architecture
from sgps.task import Preprocessing

ARCHITECTURE = build_architecture("test_efficientnet")


@pytest.fixture
def gpu():
    with pretended_gpu() as place:
        yield place


@pytest.fixture
def exact_gpu():
    """A GPU whose autocast leaves everything in float32, so that its numbers are those of the CPU."""
    with pretended_gpu(bfloat16=False) as place:
        yield place


def test_a_run_chooses_the_gpu_and_bfloat16(gpu):
    assert resolve_device("auto").type == resolve_device("cuda").type == "cuda"
    processes = Processes("auto")
    assert (processes.device, processes.count, processes.is_first) == (GPU, 1, True)
    numbers = torch.ones(3, 3, device=gpu)
    with processes.autocast():
        assert functional.linear(numbers, numbers).dtype == torch.bfloat16


def test_a_gpu_meets_few_numbers_of_pictures(exact_gpu, monkeypatch):
    met, convolve = set(), functional.conv2d

    def note(images, *args, **kwargs):
        met.add(len(images))
        return convolve(images, *args, **kwargs)

    monkeypatch.setattr(network.functional, "conv2d", note)
    weights = start_weights()
    there = {name: tensor.to(exact_gpu) for name, tensor in weights.items()}
    for count, filled in ((1, 16), (16, 16), (17, 32)):
        images = torch.randn(count, 3, 32, 32)
        met.clear()
        found = network.pooled_features(ARCHITECTURE, there, images.to(exact_gpu))
        assert met == {filled}
        met.clear()
        expected = network.pooled_features(ARCHITECTURE, weights, images)
        assert met == {count}
        torch.testing.assert_close(found.cpu(), expected, rtol=1e-4, atol=1e-5)


def test_the_text_encoder_reads_on_the_gpu_and_answers_on_the_cpu(exact_gpu):
    texts = ["A red spot.", "A pale, scaly patch with a sharp border."]
    here = default_text_encoder()
    there = here.on(exact_gpu)
    assert type(there.encode(texts)) is torch.Tensor
    torch.testing.assert_close(there.encode(texts), here.encode(texts), rtol=1e-4, atol=1e-5)


def feature_run(place, pool):
    start = {name: tensor.to(place) for name, tensor in start_weights().items()}
    return RepresentationRun(
        architecture=ARCHITECTURE,
        start=start,
        pool=pool,
        sources=pool.split()[0],
        teachers=[make_teacher(ARCHITECTURE, start, pool.images, SIZE, 0)],
        config=quick(4, label_smoothing=0.1, mining=1.0),
        seed=0,
        processes=Processes(torch.device(place).type),
    )


def advance(run, steps):
    return [number for _ in range(steps) for number in run.advance()]


@pytest.fixture(scope="module")
def pool():
    return drawn_pool({"first": 3, "second": 2})


@pytest.fixture
def replays(monkeypatch):
    """The recorded graphs in the order in which they are done again."""
    replay, found = PretendedGraph.replay, []

    def heard(self):
        found.append(self)
        replay(self)

    monkeypatch.setattr(PretendedGraph, "replay", heard)
    return found


@pytest.fixture(scope="module")
def losses(pool):
    """Losses of four steps on the CPU."""
    return advance(feature_run("cpu", pool), 4)


@pytest.mark.parametrize("pictures", ["in main memory", "on the GPU"])
def test_features_are_learned_as_on_the_cpu_and_resumed(
    exact_gpu, pool, losses, tmp_path, pictures, replays
):
    if pictures == "on the GPU":
        pool = dataclasses.replace(pool, images=pool.images.to(exact_gpu))
    first = feature_run(exact_gpu, pool)
    found = advance(first, 2)
    save_checkpoint(first.state_dict(), tmp_path / "half.safetensors", "recipe")
    second = feature_run(exact_gpu, pool)
    second.load_state_dict(load_checkpoint(tmp_path / "half.safetensors", "recipe"))
    assert [*found, *advance(second, 2)] == pytest.approx(losses, rel=1e-4, abs=1e-6)
    # Each run recorded one graph, and did every step by it.
    one, again, other, last = replays
    assert one is again
    assert other is last is not one


def test_features_are_learned_in_bfloat16(gpu, pool, losses):
    found = advance(feature_run(gpu, pool), 4)
    assert found != losses
    # Cross-entropies; the distances to the teacher begin at nothing but rounding.
    assert found[::2] == pytest.approx(losses[::2], rel=0.02)


def test_a_whole_run_makes_the_engine_that_it_makes_on_the_cpu(
    recipe, tmp_path, exact_gpu, monkeypatch
):
    # Batches of another size would be rounded otherwise, and a fit to few tasks makes much of that.
    monkeypatch.setattr(network, "_FILLED_UP", 1)
    # Features are validated after every second step, and not after every tenth.
    monkeypatch.setattr(run_module, "LOG_EVERY", 2)
    whole, together = EpisodicRun.task_losses, []

    def heard(self, indices):
        together.append(len(indices))
        return whole(self, indices)

    monkeypatch.setattr(EpisodicRun, "task_losses", heard)
    pretraining(recipe, tmp_path / "cpu").run()
    assert set(together) == {1}
    together.clear()
    out = tmp_path / "gpu"

    def run(on_progress, resume):
        processes = Processes("cuda")
        return Pretraining(recipe, out, resume, on_progress, processes, HashedText()).run()

    with pytest.raises(Killed):
        run(kill_at("episodic", 2), resume=False)
    engine = run(ignore, resume=True)
    assert set(together) == {recipe.episodic.tasks_per_step}
    here, there = (
        load_file(tmp_path / p / "engine" / "engine.safetensors") for p in ("cpu", "gpu")
    )
    for tensors in (here, there):
        # Directions of about the same size may be turned in their plane; what they do together may not.
        vectors = tensors.pop("network.head.metric_vectors").double()
        values = tensors["network.head.metric_values"].double()
        tensors["metric"] = vectors * values @ vectors.T
    assert here.keys() == there.keys()
    for name in here:
        # AdamW makes a full step of the smallest gradient, so that single elements may differ by more than rounding.
        apart = (here[name].double() - there[name].double()).nan_to_num().abs().sum()
        size = here[name].double().nan_to_num(posinf=0).abs().sum()
        # What is fitted to few tasks makes much of rounding.
        share = 0.05 if name.endswith("temperature") else 1e-3
        assert float(apart) <= share * float(size) + 1e-4 * here[name].numel(), name
    assert "held_out_accuracy" in (out / "log.csv").read_text(encoding="utf-8")
    assert f"hours on {GPU_NAME}." in (engine / "README.md").read_text(encoding="utf-8")


def test_a_run_in_bfloat16_that_is_shared_and_has_its_pictures_on_disk_comes_to_its_end(
    recipe, tmp_path, gpu, monkeypatch, replays
):
    drawn = Expert(name="drawn", families=("drawn",), optimization=quick(2))
    chosen = dataclasses.replace(
        recipe, on_disk=True, experts=(recipe.experts[0], drawn), drawn_images=40
    )
    processes, exchanged = Processes("cuda"), []

    def all_reduce(flat, reduce_op):
        exchanged.append(flat.device)
        return flat

    # This one of two; NCCL, by which they would talk, takes what lies on the GPU alone.
    monkeypatch.setattr(Processes, "count", 2)
    monkeypatch.setattr(processes._fabric, "all_reduce", all_reduce)
    out = tmp_path / "run"
    Pretraining(chosen, out, False, ignore, processes, HashedText()).run()
    steps = [stage.optimization.steps for stage in chosen.experts]
    steps += [chosen.representation.steps, chosen.episodic.head_steps, chosen.episodic.steps]
    assert len(exchanged) == sum(steps)
    assert set(exchanged) == {GPU}
    # What processes exchange in the midst of a step cannot be recorded.
    assert replays == []
    support = dataclasses.replace(colored_support(), descriptions=())
    network = Engine.from_pretrained(out / "engine", "cuda").synthesize(support)
    assert network.probabilities(support.images).isfinite().all()


def gpu_engine():
    return Engine(tiny_network(), "tiny-digest", resolve_device("auto"), HashedText())


def assert_same(found, expected):
    """Two classifiers are the same, and both are complete on the CPU."""
    assert found.weights.keys() == expected.weights.keys()
    assert {type(tensor) for tensor in found.weights.values()} == {torch.Tensor}
    for name, tensor in expected.weights.items():
        torch.testing.assert_close(found.weights[name], tensor, rtol=1e-4, atol=1e-5)
    assert found.provenance == expected.provenance


@pytest.mark.parametrize(
    "support",
    [
        colored_support(),
        colored_support(described=(False,) * 3),
        colored_support((0, 0, 0)),
        colored_support((2, 0, 1), described=(False, True, True)),
    ],
    ids=["pictures and words", "no words", "words only", "of each some"],
)
def test_an_engine_on_the_gpu_writes_the_cpus_classifier_on_the_cpu(gpu, support):
    assert_same(gpu_engine().synthesize(support), tiny_engine().synthesize(support))


def test_controls_and_switched_off_parts_work_on_the_gpu(gpu):
    support, others = colored_support(), [colored_support((2, 2, 2), seed=1), colored_support()]
    here, there = tiny_engine(), gpu_engine()
    for given in ({"condition_on": others}, {"without": ENGINE_PARTS}, {"without": ("memory",)}):
        assert_same(there.synthesize(support, **given), here.synthesize(support, **given))


def test_features_of_an_engine_on_the_gpu_come_back_to_the_cpu(gpu):
    support = colored_support()
    here, there = tiny_engine(), gpu_engine()
    for ask in (
        lambda engine: engine.base_features(support.images),
        lambda engine: engine.joined_features(support.images),
        lambda engine: engine.text_features(support.descriptions),
    ):
        found = ask(there)
        assert type(found) is torch.Tensor
        torch.testing.assert_close(found, ask(here), rtol=1e-4, atol=1e-5)


def test_an_engine_is_saved_from_the_gpu_and_read_onto_it(gpu, tmp_path):
    gpu_engine().save_pretrained(tmp_path / "engine", "# Tiny engine\n")
    read = Engine.from_pretrained(tmp_path / "engine")
    assert (read.device.type, read.network.generator.base.device) == ("cuda", GPU)
    support = colored_support(described=(False,) * 3)
    on_cpu = Engine.from_pretrained(tmp_path / "engine", "cpu")
    assert_same(read.synthesize(support), on_cpu.synthesize(support))


def test_an_engine_that_is_taken_to_the_gpu_still_works_where_it_was(gpu):
    support, here = colored_support(), tiny_engine()
    expected = here.synthesize(support)
    there = here.to(gpu)
    assert_same(there.synthesize(support), expected)
    assert_same(here.synthesize(support), expected)
    assert_same(there.to(torch.device("cpu")).synthesize(support), expected)


def test_pictures_may_lie_on_the_gpu(gpu):
    support = colored_support()
    expected = tiny_engine().synthesize(support)
    moved = dataclasses.replace(
        support, images=support.images.to(gpu), labels=support.labels.to(gpu)
    )
    for engine in (tiny_engine(), gpu_engine()):
        assert_same(engine.synthesize(moved), expected)
    assert torch.equal(expected.logits(moved.images), expected.logits(support.images))


def test_a_classifier_that_was_put_on_the_gpu_answers_on_the_cpu(gpu, tmp_path):
    support, network = colored_support(), tiny_engine().synthesize(colored_support())
    moved = dataclasses.replace(
        network, weights={name: tensor.to(gpu) for name, tensor in network.weights.items()}
    )
    torch.testing.assert_close(moved.logits(support.images), network.logits(support.images))
    moved.save(tmp_path / "network")
    network.save(tmp_path / "same")
    written = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("network", "same")]
    assert written[0] == written[1]


def test_a_benchmark_on_the_gpu_measures_what_it_measures_on_the_cpu(exact_gpu, tmp_path):
    colors = describe([read_benchmark_set(draw_folder(tmp_path / "colors"))], TEXTS)
    prepare = Preprocessing(image_size=SIZE, mean=ARCHITECTURE.mean, std=ARCHITECTURE.std)
    peer = Peer(
        name="tiny",
        architecture=ARCHITECTURE,
        weights=start_weights(),
        preprocessing=prepare,
        sha256="",
    )
    measured = []
    for place, engine in (("cpu", tiny_engine()), (exact_gpu, gpu_engine())):
        features = peer.features(colors[0].pictures[0].read(SIZE)[None], place)
        assert type(features) is torch.Tensor
        result = run_benchmark(
            colors,
            ["prototype", "ridge@base", "logistic@engine", "finetune"],
            EpisodePlan(shot=2, query=3, episodes=1),
            engine=engine,
            peer=peer,
            device=place,
        )
        measured.append({name: own["nll"] for name, own in result["methods"].items()})
    here, there = measured
    assert there == pytest.approx(here, rel=1e-3)
    assert len(set(here.values())) == 4
