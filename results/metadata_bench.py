"""Episodes with metadata: what the engine's head makes of their pictures, and what is added to it.

In: base features of all pictures, and their metadata. Out: scores of an episode's queries, by counting or by networks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from metadata_condition import Correction, Match, counted, likelihoods
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from sgps.engine.class_memory import Recall
from sgps.engine.engine import Engine
from sgps.evaluation.episodes import Episode
from sgps.evaluation.metrics import accuracy, negative_log_likelihood
from sgps.labelled import LabelledImage

RATE, DECAY, BATCH = 2e-3, 0.01, 8
SMOOTHINGS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Pictures of any class that are mixed into those of a class before counting; the best on base classes is taken."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """An episode with all that rows need of it: N classes, n support pictures, q queries."""

    ways: int
    support: Tensor
    """Places of the support pictures (n,)."""
    query: Tensor
    labels: Tensor
    """Of the support (n,)."""
    truth: Tensor
    """Of the queries (q,)."""
    scores: Tensor
    """The reference's (q, N)."""
    scale: Tensor
    """Factor on scores that the head takes from the support as it is."""


Answer = Callable[[Task, Tensor], Tensor]
"""Scores (q, N) of a task, given the metadata of all pictures."""


class Bench:
    """Features and head, and what they make of an episode."""

    def __init__(self, engine: Engine, features: Tensor, items: Sequence[LabelledImage]) -> None:
        self.head, self.features = engine.network.head, features
        self.labels, self.groups = ([getattr(i, n) for i in items] for n in ("label", "group"))
        self.memory, self.text_width = engine.network.memory, engine.config.text_width

    def recall(self, ways: int) -> Recall:
        """What the memory says without words: nothing."""
        silent = torch.zeros(ways, dtype=torch.bool)
        found: Recall = self.memory(torch.zeros(ways, self.text_width), silent, None)
        return found

    @torch.no_grad()
    def task(self, episode: Episode) -> Task:
        """An episode, its queries scored by the engine's head on their pictures."""
        names, ways = list(episode.classes), len(episode.classes)
        support, query = torch.tensor(episode.support), torch.tensor(episode.query)
        labels, truth = (
            torch.tensor([names.index(self.labels[i]) for i in own])
            for own in (episode.support, episode.query)
        )
        weight, bias, terms = self.head.unscaled(
            self.features[support][:, None], labels, self.recall(ways)
        )
        scale = (self.head.temperature * terms).sum().exp()
        return Task(
            ways=ways,
            support=support,
            query=query,
            labels=labels,
            truth=truth,
            scores=scale * functional.linear(self.features[query], weight, bias),
            scale=scale,
        )

    def corrected(self, correction: Correction, task: Task, values: Tensor) -> Tensor:
        """Scores (q, N) after a shift of each class's support features."""
        shift = correction(values[task.support], task.ways)[task.labels]
        support = (self.features[task.support] + shift)[:, None]
        # Not `unscaled`, which cross-validates for the scale: that is the reference's here, since pictures that are moved
        # with their class tell less than they seem to.
        weight, bias, _ = self.head._regression(support, task.labels, self.recall(task.ways))
        scores: Tensor = task.scale * functional.linear(self.features[task.query], weight, bias)
        return scores


def matched(match: Match, task: Task, values: Tensor) -> Tensor:
    """The reference's scores (q, N) and the say of the queries' metadata."""
    said: Tensor = match(values[task.support], task.ways, values[task.query])
    return task.scores + said


def learn(module: nn.Module, answer: Answer, tasks: Sequence[Task], values: Tensor) -> None:
    """Train on tasks of base classes, each once."""
    optimizer = torch.optim.AdamW(module.parameters(), lr=RATE, weight_decay=DECAY)
    steps = len(tasks) // BATCH
    order = torch.randperm(len(tasks))
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, 10 * (step + 1) / steps, 2 * (1 - step / steps))
        optimizer.zero_grad()
        for index in order[step * BATCH : (step + 1) * BATCH].tolist():
            loss = functional.cross_entropy(answer(tasks[index], values), tasks[index].truth)
            torch.autograd.backward(loss / BATCH)
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
    module.eval()


def scored(answer: Answer, tasks: Sequence[Task], values: Tensor) -> NDArray[np.float64]:
    """Accuracy in percent and log-likelihood lost, of each task (E, 2)."""
    rows = []
    with torch.no_grad():
        for task in tasks:
            probabilities = answer(task, values).double().softmax(1).numpy()
            truth = task.truth.numpy()
            rows.append(
                [accuracy(probabilities, truth), negative_log_likelihood(probabilities, truth)]
            )
    return np.array(rows)


def usual(values: Tensor, alike: Sequence[Tensor]) -> list[Tensor]:
    """How frequent the values of each attribute are (V,)."""
    sums = [counted(values[:, place], own).sum(0) for place, own in enumerate(alike)]
    return [one / one.sum() for one in sums]


class Counting:
    """Naive Bayes on age, sex and site, in its variants."""

    def __init__(
        self, values: Tensor, learns: Sequence[bool], alike: Sequence[Tensor], smoothing: float
    ) -> None:
        self.alike, self.smoothing = alike, smoothing
        self.prior = usual(values[torch.tensor(learns)], alike)

    def _said(self, task: Task, values: Tensor, places: Tensor, labels: Tensor) -> Tensor:
        asked = values[task.query]
        return likelihoods(values[places], labels, asked, self.prior, self.smoothing, self.alike)

    def alone(self, task: Task, values: Tensor) -> Tensor:
        """Without any picture."""
        return self._said(task, values, task.support, task.labels)

    def beside(self, task: Task, values: Tensor) -> Tensor:
        """Beside the pictures."""
        return task.scores + self.alone(task, values)

    def known(self, bench: Bench, free: Tensor, task: Task, values: Tensor) -> Tensor:
        """The same with classes' distributions from all pictures `free` of lesions that are not asked for: a bound."""
        names = [bench.labels[int(task.support[task.labels == c][0])] for c in range(task.ways)]
        asked = {bench.groups[i] for i in task.query.tolist()}
        kept = [
            i for i in free.tolist() if bench.labels[i] in names and bench.groups[i] not in asked
        ]
        labels = torch.tensor([names.index(bench.labels[i]) for i in kept])
        return task.scores + self._said(task, values, torch.tensor(kept), labels)


def best_smoothing(
    values: Tensor, learns: Sequence[bool], alike: Sequence[Tensor], tasks: Sequence[Task]
) -> float:
    """The smoothing with which the queries of base classes are likeliest."""

    def lost(smoothing: float) -> float:
        answer = Counting(values, learns, alike, smoothing).beside
        return float(scored(answer, tasks, values)[:, 1].mean())

    return min(SMOOTHINGS, key=lost)
