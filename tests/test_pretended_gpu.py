"""The pretended GPU refuses what CUDA refuses, allows what it allows, and has the numbers of the CPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pretended_gpu import GPU, PretendedTensor, pretended_gpu
from torch.nn import functional
from torch.optim.swa_utils import get_ema_multi_avg_fn

TWO_PLACES = r"^Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!"


@pytest.fixture
def gpu():
    with pretended_gpu() as place:
        yield place


def square():
    return torch.arange(9.0).view(3, 3)


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


def recorded(function, *given):
    """What a graph does for these tensors that was recorded with tensors of ones."""
    places = [torch.ones_like(one) for one in given]
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = function(*places)
    for place, one in zip(places, given, strict=True):
        place.copy_(one)
    graph.replay()
    return result


def _gradient(x):
    leaf = x.detach().requires_grad_()
    (leaf.T @ leaf).softmax(0)[0].sum().backward()
    return leaf.grad


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.T[1:] * 2 + torch.zeros_like(x)[1:],
        lambda x: x.clone().add_(1).view(-1)[2:5],
        lambda x: x.topk(2, 0).indices,
        _gradient,
    ],
)
def test_what_is_recorded_is_done_again_for_other_numbers(gpu, function):
    there = square().to(gpu)
    assert torch.equal(recorded(function, there).cpu(), function(square()))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * float(x.sum()),
        lambda x: x[x > 2],
        lambda x: x + torch.ones(3, 3).to(x.device),
        lambda x: x.cpu(),
        lambda x: torch.randn(3, device=x.device, generator=torch.Generator(x.device)),
    ],
)
def test_what_waits_or_draws_or_comes_from_main_memory_cannot_be_recorded(gpu, function):
    with pytest.raises(RuntimeError, match="not permitted when stream is capturing"):
        recorded(function, square().to(gpu))


def test_nothing_is_pretended_afterwards():
    before = (torch.tensor, torch.Generator, torch.autocast, torch.inference_mode, torch.Tensor.to)
    available = torch.cuda.is_available()
    with pretended_gpu():
        assert torch.cuda.is_available()
    after = (torch.tensor, torch.Generator, torch.autocast, torch.inference_mode, torch.Tensor.to)
    assert after == before
    assert torch.cuda.is_available() == available
