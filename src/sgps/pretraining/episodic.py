"""Learn to synthesize: generator, task encoder and head, on tasks whose queries the synthesized network classifies.

In: a `SynthesisNetwork` that holds base and expert directions, a pool and a stream of tasks. Out: the same network,
trained. Loss: cross-entropy of the queries through the synthesized network, plus the divergence from a teacher that is
given the same support: a ridge head on the features of base and all experts side by side, which beats every single
network.

The head learns first, on cached base features, where a task costs a millisecond; then everything learns together, and a GPU runs
the networks of a step's tasks as one. What the memory knows of a task's own set is hidden in half of the tasks, and always where
no expert has learned the set: what words are worth must be learned from words about classes that are new, too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from sgps.engine.class_memory import Recall
from sgps.engine.encoders import ImageDescription
from sgps.engine.model import SynthesisNetwork, TaskTensors, mirror_views
from sgps.engine.weight_generator import Codes
from sgps.pretraining.cache import Cache, class_residuals, resized
from sgps.pretraining.calibration import AskedTask
from sgps.pretraining.checkpoints import restore_training_state, training_state
from sgps.pretraining.config import Episodic
from sgps.pretraining.parallel import Processes
from sgps.pretraining.pool import Pool
from sgps.pretraining.ridge import ridge_scores
from sgps.pretraining.stages import is_logged
from sgps.pretraining.task_stream import TaskDraw, TaskStream
from sgps.target.network import stacked_features
from sgps.task import Preprocessing

logger = logging.getLogger(__name__)

_HEAD_TASKS = 16
"""Tasks a step while the head learns alone."""
_HEAD_FIRST_TASK = 10_000_000
"""Number of the first of these tasks, beyond any that a run of the whole reaches."""
_CALIBRATION_FIRST_TASK = 20_000_000
"""Number of the first task that the temperature is fitted to."""
_HIDDEN = 0.5
"""Share of the tasks of learned sets in which the memory hides the set's own classes."""
_TEACHER_SCALE = 6.0
"""Factor on the teacher's scores before softmax."""


@dataclass(frozen=True, kw_only=True)
class _PosedTask:
    """A task, and what is read of it before its network is written."""

    draw: TaskDraw
    tensors: TaskTensors
    queries: Tensor
    """Normalized query pictures (Q, 3, S, S)."""
    recall: Recall
    codes: Codes


@dataclass(frozen=True, kw_only=True)
class StackedTasks:
    """What came of T tasks."""

    losses: Tensor
    """(T,)."""
    accuracies: Tensor
    """Share of the queries that were named right (T,)."""
    backbones: dict[str, Tensor]
    """By name the synthesized tensors (T, *shape), without gradient."""


class EpisodicRun:
    """One run of the episodic stage: its state and the steps that advance it."""

    def __init__(
        self,
        *,
        network: SynthesisNetwork,
        pool: Pool,
        stream: TaskStream,
        texts: Mapping[tuple[str, int], Tensor],
        cache: Cache,
        prepare: Preprocessing,
        config: Episodic,
        seed: int,
        processes: Processes,
    ) -> None:
        """Set the state before the first step.

        Args:
            network: holds base and experts; trained in place.
            pool: pictures.
            stream: tasks.
            texts: embeddings (t, text_width) of the descriptions of (name of a label source, class); a class may be missing.
            cache: base and expert features of the pictures.
            prepare: preprocessing of the engine.
            config: how long and how fast.
            seed: decides everything random.
            processes: those that share the tasks of each step.
        """
        self.network = network
        self.processes = processes
        self.pool = pool
        self.stream = stream
        self.texts = texts
        self.cache = cache
        self.prepare = prepare
        self.config = config
        self.seed = seed
        self.step = 0
        self.device = processes.device
        network.encoder.stage_mean.copy_(cache.stages.mean(0))
        network.encoder.stage_std.copy_(cache.stages.std(0) + 1e-4)
        network.head.feature_mean.copy_(
            cache.stages[:, -network.architecture.num_features :].mean(0)
        )
        network.head.set_metric(class_residuals(cache, stream.sources, network.head.num_features))
        parameters = dict(network.named_parameters())
        self.optimizer = torch.optim.AdamW(
            [
                {"params": [parameters.pop("generator.scale_directions")], "factor": 0.3},
                {
                    "params": [p for n, p in parameters.items() if n.startswith("head.")],
                    "factor": 3,
                },
                {
                    "params": [p for n, p in parameters.items() if not n.startswith("head.")],
                    "factor": 1,
                },
            ],
            lr=config.learning_rate,
            weight_decay=0.01,
        )

    def task_tensors(self, draw: TaskDraw, rng: np.random.Generator, images: Tensor) -> TaskTensors:
        """The support of a task, each class with a random choice of its descriptions."""
        width = self.network.config.text_width
        means = []
        for c, described in zip(draw.classes, draw.described, strict=True):
            own = self.texts.get((draw.source, c)) if described else None
            if own is None:
                means.append(torch.zeros(width))
            else:
                size = int(rng.integers(1, len(own) + 1))
                means.append(own[torch.from_numpy(rng.permutation(len(own))[:size])].mean(0))
        text = torch.stack(means).to(self.device)
        hides = not draw.is_seen or rng.random() < _HIDDEN
        return TaskTensors(
            images=images,
            labels=torch.tensor(draw.support_labels, dtype=torch.int64, device=self.device),
            text=text,
            has_text=text.abs().sum(1) > 0,
            allowed=self.network.memory.all_but(draw.source if hides else None),
        )

    def _pictures(self, pictures: Sequence[int], size: int | None = None) -> Tensor:
        side = size or self.config.image_size
        if not pictures:
            return torch.zeros(0, 3, side, side, device=self.device)
        return self.prepare.normalize(
            resized(self.pool.images[list(pictures)].to(self.device), side)
        )

    def _described(self, draw: TaskDraw) -> ImageDescription:
        stages = self.cache.stages[self.cache.rows(draw.support)]
        return ImageDescription(
            stages=stages, pooled=stages[:, -self.network.architecture.num_features :]
        )

    def _teacher_loss(self, draw: TaskDraw, scores: Tensor, labels: Tensor) -> Tensor:
        ways = len(draw.classes)
        if len(set(draw.support_labels)) < ways:
            return scores.new_zeros(())
        joined = self.cache.joined[self.cache.rows(draw.support)].float()
        queries = self.cache.joined[self.cache.rows(draw.query)].float()
        taught = _TEACHER_SCALE * ridge_scores(joined, labels, queries, ways)
        return functional.kl_div(
            scores.log_softmax(1), taught.log_softmax(1), log_target=True, reduction="batchmean"
        )

    def _pose(self, index: int) -> _PosedTask:
        """Draw task `index` and read it."""
        draw = self.stream.draw(index)
        rng = np.random.default_rng([self.seed, index, 1])
        task = self.task_tensors(draw, rng, self._pictures(draw.support))
        description = self._described(draw)
        recall = self.network.recall(description, task)
        codes = self.network.codes(description, task, recall)
        turn = int(rng.integers(8))
        queries = mirror_views(self._pictures(draw.query), 8)[turn::8]
        return _PosedTask(draw=draw, tensors=task, queries=queries, recall=recall, codes=codes)

    def task_losses(self, indices: Sequence[int]) -> StackedTasks:
        """Pose T tasks and run their backbones, which are synthesized and run together."""
        network = self.network
        tasks = [self._pose(index) for index in indices]
        codes = Codes(
            experts=torch.stack([task.codes.experts for task in tasks]),
            scales=torch.stack([task.codes.scales for task in tasks]),
        )
        backbones = network.generator.compose(codes)
        # Pictures of zeros fill smaller tasks up; what is made of them is not looked at.
        images = pad_sequence(
            [torch.cat([task.tensors.images, task.queries]) for task in tasks], batch_first=True
        )
        with self.processes.autocast():
            features = stacked_features(network.architecture, backbones, images)
        answers = [
            self._answer(task, own) for task, own in zip(tasks, features.float(), strict=True)
        ]
        losses, accuracies = (torch.stack(of_tasks) for of_tasks in zip(*answers, strict=True))
        # Directions cost something, so that a task moves away from the base only for a reason.
        sizes = codes.scales.square().mean((1, 2))
        return StackedTasks(
            losses=losses + 0.01 * sizes,
            accuracies=accuracies,
            backbones={name: tensor.detach() for name, tensor in backbones.items()},
        )

    def _answer(self, task: _PosedTask, features: Tensor) -> tuple[Tensor, Tensor]:
        """Loss () and accuracy () of the queries, from features (B, F) of support and queries, and what else there is."""
        shown, asked = len(task.tensors.images), len(task.queries)
        labels = task.tensors.labels
        weight, bias = self.network.head(features[:shown, None], labels, task.recall)
        scores = functional.linear(features[shown : shown + asked], weight, bias)
        target = torch.tensor(task.draw.query_labels, device=self.device)
        loss = functional.cross_entropy(scores, target)
        loss = loss + self.config.teacher * self._teacher_loss(task.draw, scores, labels)
        return loss, (scores.argmax(1) == target).float().mean()

    def head_loss(self, index: int) -> Tensor:
        """Loss of task `index` with the base as backbone, from cached features."""
        draw = self.stream.draw(index)
        rng = np.random.default_rng([self.seed, index, 2])
        # The pictures themselves are not read: preparing them would cost more than everything else here.
        task = self.task_tensors(draw, rng, self._pictures(()))
        width = self.network.architecture.num_features
        description = self._described(draw)
        recall = self.network.recall(description, task)
        weight, bias = self.network.head(description.pooled[:, None], task.labels, recall)
        queries = self.cache.stages[self.cache.rows(draw.query)][:, -width:]
        target = torch.tensor(draw.query_labels, device=self.device)
        return functional.cross_entropy(functional.linear(queries, weight, bias), target)

    def advance(self) -> dict[str, float]:
        """Do one step; return what is logged of it."""
        self.optimizer.zero_grad(set_to_none=True)
        numbers = torch.zeros(2, device=self.device)
        backbones = []
        count = self.config.tasks_per_step
        first = self.step * count
        own = range(first, first + count)[self.processes.rows]
        # A GPU waits for the CPU to start thousands of small operators, which several tasks share; a CPU would lose more to
        # what smaller tasks are filled up with.
        together = len(own) if self.device.type == "cuda" else 1
        for begin in range(0, len(own), together):
            tasks = self.task_losses(own[begin : begin + together])
            loss = tasks.losses.sum() / count
            torch.autograd.backward(loss)
            numbers += torch.stack([loss.detach(), 100 * tasks.accuracies.sum() / count])
            backbones.append(tasks.backbones)
        self._update(self.step, self.config.steps, numbers)
        self.step += 1
        loss_value, accuracy_value = numbers.tolist()
        logged = {"loss": loss_value, "accuracy": accuracy_value}
        if is_logged(self.step, self.config.steps):
            logged["between_task_variance"] = between_task_variance(backbones)
        return logged

    def warm_up_head(
        self, steps: int, on_done: Callable[[int, float], None] | None = None
    ) -> float:
        """Train the head alone on cached base features; return the mean loss of the last tenth.

        Args:
            steps: number of optimiser steps.
            on_done: hears of each step and its loss.
        """
        losses = []
        for step in range(steps):
            self.optimizer.zero_grad(set_to_none=True)
            first = _HEAD_FIRST_TASK + step * _HEAD_TASKS
            own = range(_HEAD_TASKS)[self.processes.rows]
            loss = torch.stack([self.head_loss(first + offset) for offset in own]).sum()
            torch.autograd.backward(loss / _HEAD_TASKS)
            number = loss.detach()[None] / _HEAD_TASKS
            self._update(step, steps, number)
            losses.append(float(number))
            if on_done is not None:
                on_done(step + 1, losses[-1])
        last = losses[-max(1, steps // 10) :]
        return sum(last) / max(1, len(last))

    def asked_tasks(self, stream: TaskStream, count: int) -> Iterator[AskedTask]:
        """Pose so many tasks of `stream` at full size, as a user would.

        Tasks with a class known from words alone are left out: they are rare and of another scale, and would bend a fit for the
        rest.
        """
        size, index = self.prepare.image_size, _CALIBRATION_FIRST_TASK
        while count > 0:
            draw = stream.draw(index)
            index += 1
            if len(set(draw.support_labels)) < len(draw.classes):
                continue
            rng = np.random.default_rng([self.seed, index, 3])
            yield AskedTask(
                tensors=self.task_tensors(draw, rng, self._pictures(draw.support, size)),
                queries=self._pictures(draw.query, size),
                labels=torch.tensor(draw.query_labels, device=self.device),
            )
            count -= 1

    def _update(self, step: int, steps: int, numbers: Tensor) -> None:
        """Add gradients and `numbers` up over all processes, and take a step."""
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        # Which parameters a task uses depends on the task, so that another process may use others.
        uses = torch.tensor([float(p.grad is not None) for p in parameters], device=self.device)
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        self.processes.add_up([*gradients, uses, numbers])
        used = []
        for parameter, gradient, is_used in zip(parameters, gradients, uses.tolist(), strict=True):
            parameter.grad = gradient if is_used else None
            used += [parameter] if is_used else []
        if not torch.nn.utils.clip_grad_norm_(used, 1.0).isfinite():
            # One bad task must not turn every weight into NaN; the same step does the same when repeated.
            logger.warning("step %d left out: its gradient is not finite", step)
            return
        warm = min(1.0, (step + 1) / max(1, steps // 10))
        rate = self.config.learning_rate * warm * max(0.02, 1 - step / steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        self.optimizer.step()

    def state_dict(self) -> dict[str, Tensor]:
        """Everything needed to go on, as named tensors."""
        return training_state(self.step, dict(self.network.named_parameters()), self.optimizer)

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state_dict` returned."""
        parameters = dict(self.network.named_parameters())
        self.step = restore_training_state(state, parameters, self.optimizer)


def between_task_variance(backbones: Sequence[Mapping[str, Tensor]]) -> float:
    """How much tensors differ between tasks: variance over tasks relative to the mean square, averaged over tensors.

    Args:
        backbones: by name the tensors (T, *shape) of some tasks, then those of others.
    """
    shares = []
    for name in backbones[0]:
        stack = torch.cat([backbone[name] for backbone in backbones])
        if len(stack) < 2:
            return float("nan")
        shares.append(stack.var(0).mean() / (stack.square().mean() + 1e-12))
    return float(torch.stack(shares).mean())
