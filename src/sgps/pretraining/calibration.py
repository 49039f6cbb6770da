"""Fit what a finished engine says of its own answers: how sure to be of them, and which pictures are typical.

In: a `SynthesisNetwork` that has learned, and tasks whose queries have known answers. Out: the same network with its temperature,
and its idea of what is typical, fitted to them.

While everything learns, a task has one view of small pictures, and the scores still change from step to step; this follows on the
finished network, with tasks synthesized as a user's would be. Tasks of every kind of difficulty belong here, those of sets that
the experts have seen and drawn ones too: the classifier tells from its support how hard a task is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor
from torch.nn import functional

from sgps.engine.model import SynthesisNetwork, TaskTensors
from sgps.pretraining.temperature import fit_temperature
from sgps.target.network import pooled_features


@dataclass(frozen=True, kw_only=True)
class AskedTask:
    """A task, and pictures to classify."""

    tensors: TaskTensors
    queries: Tensor
    """Normalized pictures (Q, 3, S, S)."""
    labels: Tensor
    """int64 (Q,), the queries' classes."""


@torch.no_grad()
def calibrate(
    network: SynthesisNetwork,
    photographed: Iterable[AskedTask],
    drawn: Iterable[AskedTask],
    on_done: Callable[[int], None],
) -> None:
    """Fit the temperature to all tasks, and what is typical to the photographed ones; nothing changes if there is none.

    The temperature's numbers minimize the queries' cross-entropy (L-BFGS), held near the plain start by a small penalty.

    Args:
        network: changed in place.
        photographed: tasks of image sets.
        drawn: tasks of drawings, which are easier than those of many sets; they vary too little to tell what is typical.
        on_done: hears of the number of tasks that were answered.
    """
    fitted: list[tuple[Tensor, Tensor, Tensor]] = []
    strange: list[tuple[Tensor, Tensor]] = []
    for is_real, task in chain(((True, t) for t in photographed), ((False, t) for t in drawn)):
        codes, recall = network.read(task.tensors)
        backbone = network.generator.compose(codes)
        features = network.task_features(backbone, task.tensors)
        weight, bias, terms = network.head.unscaled(features, task.tensors.labels, recall)
        queries = pooled_features(network.architecture, backbone, task.queries)
        fitted.append((functional.linear(queries, weight, bias), terms, task.labels))
        if is_real:
            strange.append(network.strangeness(features, task.tensors, queries))
        on_done(len(fitted))
    if fitted:
        fit_temperature(network.head.temperature, fitted)
    if strange:
        network.typicality.fit(strange)
