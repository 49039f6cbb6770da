"""The generator's gradients, and what its codes do."""

from __future__ import annotations

import dataclasses

import torch
from engines import colored_support, tiny_engine, tiny_network

from sgps.engine.model import TaskTensors, mirror_views
from sgps.engine.weight_generator import Codes
from sgps.target.network import logits


def _task(double: bool = True) -> TaskTensors:
    task = tiny_engine().task_tensors(colored_support((2, 1), seed=4))
    if not double:
        return task
    return dataclasses.replace(task, images=task.images.double(), text=task.text.double())


def test_gradients_through_generator_and_target_network_are_right() -> None:
    network = tiny_network().double()
    task = _task()
    queries = task.images[:2]
    chosen = {
        name: parameter
        for name, parameter in network.named_parameters()
        if name
        in {
            "generator.expert_head.weight",
            "generator.scale_head.bias",
            "task_encoder.task_query",
            "encoder.text_projection.2.bias",
            "head.log_ridge",
            "head.temperature",
            "memory.log_count",
        }
    }
    assert len(chosen) == 7

    def loss(*values: torch.Tensor) -> torch.Tensor:
        replaced = dict(zip(chosen, values, strict=True))
        weights = torch.func.functional_call(network, replaced, (task,))
        scores: torch.Tensor = logits(network.architecture, weights, queries)
        return scores.log_softmax(1)

    assert torch.autograd.gradcheck(loss, tuple(chosen.values()), eps=1e-6, atol=1e-5, rtol=1e-3)


def test_every_learned_parameter_receives_a_gradient() -> None:
    network = tiny_network()
    task = _task(double=False)
    weights = network(task)
    logits(network.architecture, weights, task.images).logsumexp(1).sum().backward()
    # The token for a missing picture or description is not used in this task.
    without = [n for n, p in network.named_parameters() if p.grad is None]
    assert without == []


def test_a_full_step_towards_one_expert_is_that_expert() -> None:
    generator = tiny_network().generator
    tensors, rank = len(generator.specs), generator.rank
    experts = torch.zeros(tensors, 2)
    experts[:, 1] = 1
    zero = torch.zeros(tensors, rank)
    composed = generator.compose(Codes(experts=experts, scales=zero))
    for name, tensor in generator.expert_weights(1).items():
        torch.testing.assert_close(composed[name], tensor)


def test_the_eight_views_are_the_symmetries_of_the_square_and_the_first_is_the_picture() -> None:
    image = torch.arange(9.0).view(1, 1, 3, 3)
    views = mirror_views(image, 8)
    assert torch.equal(views[0], image[0])
    assert len({tuple(view.flatten().tolist()) for view in views}) == 8


def test_experts_are_followed_as_far_as_the_task_is_familiar_to_them() -> None:
    network = tiny_network()
    generator, width = network.generator, network.config.width
    drawn = torch.Generator().manual_seed(0)
    tokens = torch.randn(4, width, generator=drawn)
    with torch.no_grad():
        codes = generator(tokens[1:], tokens[0], torch.tensor([0.0, 0.7]))
    assert not codes.experts[:, 0].any()
    chosen = codes.experts[:, 1] / (0.7 * network.config.expert_step)
    assert bool(((chosen > 0) & (chosen < 2)).all())
    assert chosen.std() > 0


def test_an_untrained_generator_moves_every_tensor_alike_towards_what_is_familiar() -> None:
    network = tiny_network(trained=False)
    generator = network.generator
    tokens = torch.zeros(3, network.config.width)
    with torch.no_grad():
        composed = generator.compose(generator(tokens[1:], tokens[0], torch.tensor([1.0, 0.0])))
    for name, tensor in generator.moved_weights(0).items():
        torch.testing.assert_close(composed[name], tensor)
