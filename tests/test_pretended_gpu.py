"""What would go wrong on a GPU for want of a tensor in its right place goes wrong here, on the CPU; and nothing does."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from colors import TEXTS, draw_folder
from engines import HashedText, colored_support, tiny_engine, tiny_network
from pools import SIZE, Killed, drawn_pool, ignore, kill_at, pretraining, quick, start_weights
from pretended_gpu import GPU, GPU_NAME, PretendedTensor, pretended_gpu
from safetensors.torch import load_file
from torch.nn import functional
from torch.optim.swa_utils import get_ema_multi_avg_fn

from sgps.engine.engine import Engine, resolve_device
from sgps.evaluation.benchmark import EpisodePlan, run_benchmark
from sgps.evaluation.peers import Peer
from sgps.evaluation.sets import describe, read_benchmark_set
from sgps.pretraining.checkpoints import load_checkpoint, save_checkpoint
from sgps.pretraining.parallel import Processes
from sgps.pretraining.representation import RepresentationRun
from sgps.pretraining.run import Pretraining
from sgps.pretraining.teachers import make_teacher
from sgps.target.architecture import build_architecture
from sgps.task import Preprocessing

ARCHITECTURE = build_architecture("test_efficientnet")
TWO_PLACES = r"^Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!"


@pytest.fixture
def gpu():
    with pretended_gpu() as place:
        yield place


@pytest.fixture
def exact_gpu():
    """A GPU whose autocast leaves everything in float32, so that its numbers are those of the CPU."""
    with pretended_gpu(bfloat16=False) as place:
        yield place


def square():
    return torch.arange(9.0).view(3, 3)


# The harness.


@pytest.mark.parametrize(
    "mix",
    [
        lambda here, there: there + here,
        lambda here, there: here.add_(there),
        lambda here, there: there @ here,
        lambda here, there: torch.cat([there, here]),
        lambda here, there: torch.stack([there.sum(), here.sum()]),
        lambda here, there: here.sum().add_(there.sum()),
        lambda here, there: here + there.sum(),
        lambda here, there: torch.where(here > 0, there, 0.0),
        lambda here, there: there.masked_fill(here > 0, 0.0),
        lambda here, there: there.gather(1, here.long() % 3),
        lambda here, there: there.index_select(0, torch.tensor([0, 1])),
        lambda here, there: there.__setitem__([0, 1], here[:2]),
        lambda here, there: functional.conv2d(there[None, None], here[None, None]),
        lambda here, there: functional.embedding(torch.tensor([1]), there),
        lambda here, there: functional.cross_entropy(there, torch.tensor([0, 1, 2])),
        lambda here, there: torch._foreach_add_([there, there], [there, here]),
    ],
)
def test_what_lies_in_two_places_is_refused_as_cuda_refuses_it(gpu, mix):
    with pytest.raises(RuntimeError, match=TWO_PLACES):
        mix(square(), square().to(gpu))


@pytest.mark.parametrize(
    "allowed",
    [
        lambda x: x * torch.tensor(2.0),
        lambda x: torch.tensor(2.0) - x,
        lambda x: x[torch.tensor([2, 0])],
        lambda x: x[square() > 3],
        lambda x: x[[2, 0], 1:],
        lambda x: x[np.array([1, 1])],
        lambda x: x[..., [True, False, True]],
        lambda x: x.clone().copy_(square().T),
        lambda x: torch.where(x > 2, x, torch.tensor(1.0)),
        lambda x: x.masked_fill(x > 2, torch.tensor(1.0)),
        lambda x: _set(x, slice(1, 3), torch.ones(2, 3)),
        lambda x: _set(x, [0, 2], torch.tensor(5.0)),
        lambda x: _set(x, x > 2, 0.0),
        lambda x: x.new_tensor([1.0, 2.0]),
        lambda x: torch.eye(3).to(x) + x.new_zeros(3),
        lambda x: (x[0] @ x).unsqueeze(0).squeeze_(0),
        lambda x: functional.one_hot(x.long() % 3),
        lambda x: torch.linalg.solve(x.square() + torch.eye(3).to(x), x),
        lambda x: x.to("cpu") + square(),
        lambda x: torch.stack(list(x)),
    ],
)
def test_what_cuda_allows_gives_the_numbers_of_the_cpu(gpu, allowed):
    found = allowed(square().to(gpu))
    assert torch.equal(found.cpu(), allowed(square()))


def _set(tensor, places, value):
    tensor[places] = value
    return tensor


def test_what_is_made_on_the_gpu_lies_there_and_says_so(gpu):
    model = torch.nn.Linear(3, 2)
    weight = model.weight
    model.cuda()
    assert model.weight is weight
    made = [
        *(torch.zeros(2, device="cuda"), torch.tensor(1.0, device="cuda"), square().cuda()),
        *(torch.arange(3, device=gpu), square().to("cuda", torch.float64), weight),
        *(square().to(gpu).new_full((2,), 1.0), torch.zeros_like(square(), device=gpu)),
    ]
    assert all(isinstance(one, PretendedTensor) and one.device == GPU for one in made)
    assert all(one.is_cuda and not one.is_cpu for one in made)
    assert type(square().to(gpu).cpu()) is torch.Tensor
    assert type(model.cpu().weight) is torch.nn.Parameter


def test_numbers_can_be_read_but_not_as_numpy(gpu):
    x = square().to(gpu)
    assert (float(x.sum()), int(x.argmax()), x[1, 2].item()) == (36, 8, 5)
    assert (x > 7).any()
    assert x.tolist() == square().tolist()
    for read in (lambda: x.numpy(), lambda: np.asarray(x), lambda: np.array(x)):
        with pytest.raises(TypeError, match=r"^can't convert cuda:0 device type tensor to numpy"):
            read()


def test_indices_on_the_gpu_cannot_look_into_the_cpu(gpu):
    with pytest.raises(RuntimeError, match=r"^indices should be either on cpu or on the same"):
        square()[torch.tensor([0], device=gpu)]


def test_a_generator_draws_where_it_lies(gpu):
    here, there = torch.Generator().manual_seed(1), torch.Generator(gpu).manual_seed(1)
    assert (here.device.type, there.device) == ("cpu", GPU)
    drawn = torch.randn(3, generator=there, device=gpu)
    assert torch.equal(drawn.cpu(), torch.randn(3, generator=here))
    with pytest.raises(RuntimeError, match=r"^Expected a 'cuda' device type for generator"):
        torch.randn(3, generator=here, device=gpu)
    with pytest.raises(RuntimeError, match=r"^Expected a 'cpu' device type for generator"):
        torch.randn(3, generator=there)


def learned(place, foreach=None, steps=3):
    """What AdamW, clipping and the moving average make of a small network, and the optimizer."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.GELU(), torch.nn.Linear(4, 2))
    model.to(place)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, foreach=foreach)
    average = [parameter.detach().clone() for parameter in model.parameters()]
    for _ in range(steps):
        optimizer.zero_grad()
        model(square().to(place)).square().mean().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        optimizer.step()
        get_ema_multi_avg_fn(0.9)(average, [p.detach() for p in model.parameters()], 1)
    return [one.detach().cpu() for one in (*model.parameters(), *average)], optimizer


@pytest.mark.parametrize("foreach", [None, False, True])
def test_learning_goes_as_on_the_cpu_and_counts_its_steps_there(gpu, foreach):
    tensors, optimizer = learned(gpu, foreach)
    torch.testing.assert_close(tensors, learned("cpu")[0])
    places = {key: one.device for state in optimizer.state.values() for key, one in state.items()}
    assert places == {"step": torch.device("cpu"), "exp_avg": GPU, "exp_avg_sq": GPU}


def test_an_optimizer_whose_moments_lie_elsewhere_is_noticed(gpu):
    _, optimizer = learned(gpu)
    for state in optimizer.state.values():
        state["exp_avg"] = state["exp_avg"].cpu()
    with pytest.raises(RuntimeError, match=TWO_PLACES):
        optimizer.step()


def test_autocast_casts_on_the_gpu_alone(gpu):
    x = square().to(gpu).requires_grad_()
    with torch.autocast("cuda", dtype=torch.bfloat16):
        mapped = functional.linear(x, x)
        assert (mapped.dtype, mapped.log_softmax(1).dtype) == (torch.bfloat16, torch.float32)
        assert functional.linear(square(), square()).dtype == torch.float32
        with pytest.raises(RuntimeError, match="source and destination dtypes match"):
            torch.zeros(3, 3, device=gpu)[torch.tensor([0, 1, 2])] = mapped
    mapped.float().sum().backward()
    assert x.grad.dtype == torch.float32


def test_nothing_is_pretended_afterwards():
    before = (torch.tensor, torch.Generator, torch.autocast, torch.inference_mode, torch.Tensor.to)
    available = torch.cuda.is_available()
    with pretended_gpu():
        assert torch.cuda.is_available()
    after = (torch.tensor, torch.Generator, torch.autocast, torch.inference_mode, torch.Tensor.to)
    assert after == before
    assert torch.cuda.is_available() == available


# The project on it.


def test_a_run_chooses_the_gpu_and_bfloat16(gpu):
    assert resolve_device("auto").type == resolve_device("cuda").type == "cuda"
    processes = Processes("auto")
    assert (processes.device, processes.count, processes.is_first) == (GPU, 1, True)
    with processes.autocast():
        assert functional.linear(square().to(gpu), square().to(gpu)).dtype == torch.bfloat16


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


@pytest.fixture(scope="module")
def losses(pool):
    """Losses of four steps on the CPU."""
    return advance(feature_run("cpu", pool), 4)


@pytest.mark.parametrize("pictures", ["in main memory", "on the GPU"])
def test_features_are_learned_as_on_the_cpu_and_resumed(
    exact_gpu, pool, losses, tmp_path, pictures
):
    if pictures == "on the GPU":
        pool = dataclasses.replace(pool, images=pool.images.to(exact_gpu))
    first = feature_run(exact_gpu, pool)
    found = advance(first, 2)
    save_checkpoint(first.state_dict(), tmp_path / "half.safetensors", "recipe")
    second = feature_run(exact_gpu, pool)
    second.load_state_dict(load_checkpoint(tmp_path / "half.safetensors", "recipe"))
    assert [*found, *advance(second, 2)] == pytest.approx(losses, rel=1e-4, abs=1e-6)


def test_features_are_learned_in_bfloat16(gpu, pool, losses):
    found = advance(feature_run(gpu, pool), 4)
    assert found != losses
    # Cross-entropies; the distances to the teacher begin at nothing but rounding.
    assert found[::2] == pytest.approx(losses[::2], rel=0.02)


def test_a_whole_run_makes_the_engine_that_it_makes_on_the_cpu(recipe, tmp_path, exact_gpu):
    pretraining(recipe, tmp_path / "cpu").run()
    out = tmp_path / "gpu"

    def run(on_progress, resume):
        processes = Processes("cuda")
        return Pretraining(recipe, out, resume, on_progress, processes, HashedText()).run()

    with pytest.raises(Killed):
        run(kill_at("episodic", 2), resume=False)
    engine = run(ignore, resume=True)
    here, there = (
        load_file(tmp_path / p / "engine" / "engine.safetensors") for p in ("cpu", "gpu")
    )
    assert here.keys() == there.keys()
    for name in here:
        # AdamW makes a full step of the smallest gradient, so that single elements may differ by more than rounding.
        apart = (here[name].double() - there[name].double()).nan_to_num().abs().sum()
        size = here[name].double().nan_to_num(posinf=0).abs().sum()
        assert float(apart) <= 1e-3 * float(size) + 1e-4 * here[name].numel(), name
    assert f"hours on {GPU_NAME}." in (engine / "README.md").read_text(encoding="utf-8")


def test_a_whole_run_goes_through_in_bfloat16_with_its_pictures_on_disk(recipe, tmp_path, gpu):
    chosen = dataclasses.replace(recipe, on_disk=True, experts=recipe.experts[:1], drawn_images=2)
    processes = Processes("cuda")
    out = tmp_path / "run"
    Pretraining(chosen, out, False, ignore, processes, HashedText()).run()
    support = colored_support()
    network = Engine.from_pretrained(out / "engine", "cuda").synthesize(
        dataclasses.replace(support, descriptions=())
    )
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
    for given in ({"condition_on": others}, {"without": ("memory", "experts", "low-rank")}):
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
