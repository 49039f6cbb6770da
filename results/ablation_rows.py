"""Rows of `ablations.py`: how each kind of classifier answers an episode, and what is kept of the answers.

Shapes: P pictures of a pool, V views of each, F features, S side of a picture in pixels, Q queries, N classes.
"""

from __future__ import annotations

import copy
import statistics
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from ablation_tasks import SHOTS, Drawn, Problem
from torch import Tensor

from sgps.engine.engine import Engine
from sgps.engine.head import Head
from sgps.engine.weight_generator import Codes
from sgps.evaluation import metrics, text_heads
from sgps.evaluation.heads import Fitted

REFERENCE = "reference"

Scores = dict[str, dict[str, list[float]]]
"""Accuracy of each episode, by task and then by the number of shots."""
Answer = Callable[[Tensor, Problem], Tensor]
"""From whatever is known of a pool's pictures, and a problem in it, to scores (Q, N)."""


@dataclass(frozen=True)
class Rows:
    """What was measured, in order."""

    found: list[dict[str, Any]] = field(default_factory=list)
    began: float = field(default_factory=time.process_time)

    def add(self, name: str, group: str, scores: Scores, against: str | None = REFERENCE) -> None:
        """Keep a row, to be compared with the row `against`, and tell of it."""
        self.found.append({"name": name, "group": group, "against": against, "per_episode": scores})
        means = " / ".join(f"{mean_of(scores, shot):.1f}" for shot in SHOTS)
        sys.stderr.write(f"{time.process_time() - self.began:6.0f} s  {group}: {name} {means}\n")

    def scores(self, name: str) -> Scores:
        """Those of a row."""
        (scores,) = (row["per_episode"] for row in self.found if row["name"] == name)
        return dict(scores)

    def names(self, group: str) -> list[str]:
        """Rows of a group."""
        return [row["name"] for row in self.found if row["group"] == group]


def mean_of(scores: Scores, *shots: int) -> float:
    """Mean over tasks and shots, each weighing the same."""
    return statistics.fmean(
        statistics.fmean(own[str(shot)]) for own in scores.values() for shot in shots
    )


def first(scores: Scores, count: int) -> Scores:
    """Those of the first episodes."""
    return {
        task: {shot: own[:count] for shot, own in of_task.items()}
        for task, of_task in scores.items()
    }


def mixture_name(experts: Sequence[str], steps: Sequence[float]) -> str:
    """Such as `dermatoscopy 0.4 + photograph 0.2`."""
    if len(experts) > 1 and len(set(steps)) == 1:
        return f"all experts {steps[0]:g}"
    parts = [f"{name} {step:g}" for name, step in zip(experts, steps, strict=True) if step]
    return " + ".join(parts)


def score(drawn: Sequence[Drawn], known: Mapping[str, Tensor], answer: Answer) -> Scores:
    """Accuracy of every episode; `known` is what the answers are made from, by set."""
    return {
        one.task.title: {
            str(shot): [_accuracy(answer(known[one.task.data], p), p) for p in own]
            for shot, own in one.problems.items()
        }
        for one in drawn
    }


def _accuracy(scores: Tensor, problem: Problem) -> float:
    return round(metrics.accuracy(scores.double().numpy(), problem.query_labels.numpy()), 3)


def by_head(
    features: Tensor, problem: Problem, *, head: Head, without: str = "", middles: bool = True
) -> Tensor:
    """The engine's own head on features (P, V, F); queries are read in their first view, as they are."""
    recall = problem.without[without] if without else problem.recall
    if not middles:
        recall = replace(recall, middles=recall.middles[:0])
    # The temperature decides nothing, and the folds that set it take most of the time of `head`.
    weight, bias, _ = head._regression(features[problem.support], problem.support_labels, recall)
    return features[problem.query, 0] @ weight.T + bias


def by_peer(features: Tensor, problem: Problem, *, fit: Callable[..., Fitted]) -> Tensor:
    """A head of the benchmark on features (P, V, F)."""
    support = features[problem.support].mean(1)
    fitted = fit(support, problem.support_labels, len(problem.classes))
    return fitted.predict(features[problem.query, 0])


def by_ss_text(features: Tensor, problem: Problem, *, engine: Engine) -> Tensor:
    """SS-Text, which reads descriptions where memory and lexicon put them."""
    text = engine.text_features(problem.texts)
    return by_peer(features, problem, fit=partial(text_heads.ss_text, text=text))


def by_synthesis(
    images: Tensor, problem: Problem, *, engine: Engine, without: Collection[str] = ()
) -> Tensor:
    """A classifier synthesized for the task, on pictures (P, 3, S, S)."""
    network = engine.synthesize(problem.support_set(images), without=without)
    return network.probabilities(images[problem.query])


@contextmanager
def alike_in_all_tensors(engine: Engine) -> Iterator[Engine]:
    """Within it the engine follows each expert equally far in every tensor: the mean of what its generator chose for them."""

    def averaged(_generator: object, _tokens: object, codes: Codes) -> Codes:
        mean = codes.experts.mean(-2, keepdim=True)
        return replace(codes, experts=mean.expand_as(codes.experts))

    hook = engine.network.generator.register_forward_hook(averaged)
    try:
        yield engine
    finally:
        hook.remove()


def without_metric(head: Head) -> Head:
    """The same head with plain distance."""
    plain = copy.deepcopy(head)
    plain.metric_values.fill_(1)
    return plain
