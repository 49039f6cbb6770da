"""Do synthesized weights depend on the task? How they vary between tasks, and between episodes of one task.

In: the weights of several episodes of each of several tasks. Out: for every tensor the variance between tasks and that within
them, relative to the tensor's mean square. A tensor that is the same whatever the task has none of either.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Variance:
    """Of one tensor, or the mean over several; relative to the mean square."""

    between: float
    """Between tasks, less what differences between episodes make of it by chance: it may fall below zero."""
    within: float
    """Between episodes of one task."""

    @property
    def share(self) -> float:
        """Share of the variance that is between tasks, 0 to 1; `nan` where nothing varies."""
        between = max(self.between, 0.0)
        total = between + self.within
        return between / total if total else float("nan")


class TaskWeights:
    """Mean and scatter of the weights of one task, episode by episode, so that no more than one need be kept."""

    def __init__(self) -> None:
        self.episodes = 0
        self.means: dict[str, Tensor] = {}
        self.scatter: dict[str, float] = {}
        """Sum over episodes of the mean squared distance from the mean."""
        self.squares: dict[str, float] = {}
        """Sum over episodes of the mean square."""

    def add(self, weights: Mapping[str, Tensor]) -> None:
        """Count one more episode."""
        self.episodes += 1
        for name, tensor in weights.items():
            values = tensor.detach().double()
            before = self.means.get(name, torch.zeros_like(values))
            mean = before + (values - before) / self.episodes
            scatter = float(((values - before) * (values - mean)).mean())
            self.means[name] = mean
            self.scatter[name] = self.scatter.get(name, 0.0) + scatter
            self.squares[name] = self.squares.get(name, 0.0) + float(values.square().mean())


def variances(tasks: Sequence[TaskWeights]) -> dict[str, Variance]:
    """Variances of every tensor, as in a one-way analysis of variance with a random effect of the task.

    Raises:
        ValueError: fewer than two tasks, or a task of fewer than two episodes.
    """
    if len(tasks) < 2 or min(task.episodes for task in tasks) < 2:
        raise ValueError("variances need at least two tasks of two episodes each")
    found = {}
    for name in tasks[0].means:
        within = [task.scatter[name] / (task.episodes - 1) for task in tasks]
        chance = [own / task.episodes for own, task in zip(within, tasks, strict=True)]
        size = statistics.fmean(task.squares[name] / task.episodes for task in tasks)
        means = torch.stack([task.means[name] for task in tasks])
        between = float(means.var(0).mean()) - statistics.fmean(chance)
        unit = size or 1.0
        found[name] = Variance(between / unit, statistics.fmean(within) / unit)
    return found


def mean_variance(parts: Iterable[Variance]) -> Variance:
    """Mean over tensors, each weighing the same."""
    own = list(parts)
    return Variance(
        statistics.fmean(one.between for one in own), statistics.fmean(one.within for one in own)
    )
