"""Score a method's answers on one set: every figure with its 95 % interval over episodes.

In: one `Answer` an episode. Out: `MethodScores`, which tells the figures by name and their paired differences.

`ece`, `nll` and `brier` are of all queries pooled, every other figure is a mean over episodes. Intervals are 1.96 standard
errors over episodes: of the mean, for `nll` and `brier` of the ratio of two sums, for `ece` of a bootstrap of episodes.

Shapes: Q queries, O outside pictures, N classes, E episodes, B bins.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sgps.evaluation import metrics
from sgps.evaluation.isic_score import isic_balanced_accuracy
from sgps.evaluation.metrics import Bins, Floats, Interval, Labels

POOLED = ("nll", "brier")
"""Figures of all queries pooled that are means over queries."""
FIGURES = (
    "accuracy",
    "balanced_accuracy",
    "macro_auc",
    "selective_accuracy",
    "ood_auroc",
    "isic_balanced_accuracy",
    "ece",
    "nll",
    "brier",
)
"""What is measured, in the order in which it is shown."""
PAIRED = ("accuracy", "balanced_accuracy", "macro_auc", "nll", "ood_auroc")
"""Figures of which the difference of two methods is taken."""
COSTS = ("seconds_per_task", "seconds_to_classifier", "ms_per_image", "size_bytes")
"""What a method takes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What a method answered in one episode."""

    probabilities: Floats
    """(Q, N)."""
    labels: Labels
    """(Q,), below N."""
    outside: Floats
    """(O, N): probabilities of pictures of other classes."""
    classes: tuple[str, ...]
    """Names of the N classes."""
    names: tuple[str, ...]
    """Names of the Q pictures."""
    fit_seconds: float
    """From pictures in memory to a classifier."""
    predict_seconds: float
    """From that classifier to the answers, outside pictures among them."""
    size_bytes: int
    """Of the classifier; 0 where that is not known."""

    @property
    def seconds(self) -> float:
        """From pictures in memory to the probabilities of the queries."""
        share = len(self.labels) / (len(self.labels) + len(self.outside))
        return self.fit_seconds + self.predict_seconds * share


@dataclass(frozen=True, kw_only=True, eq=False)
class MethodScores:
    """What one method scored on one set."""

    values: Mapping[str, Floats]
    """Each figure but `ece` (E,), per episode; `nan` where an episode has none."""
    queries: Floats
    """(E,): how many."""
    bins: Bins
    """(E, B)."""
    recall: Mapping[str, Interval]
    """By class, over the episodes that have it, in percent."""
    costs: Mapping[str, float]

    @property
    def episodes(self) -> int:
        """How many were answered."""
        return len(self.queries)

    def figure(self, name: str) -> Interval:
        """One of `FIGURES` with its interval; `nan` where it does not exist."""
        if name == "ece":
            return metrics.calibration_interval(self.bins)
        return _interval(name, self.values[name], self.queries)

    def minus(self, other: MethodScores, name: str) -> Interval:
        """One of `PAIRED`, this method minus another, over the episodes that both have answered."""
        both = min(self.episodes, other.episodes)
        differences = self.values[name][:both] - other.values[name][:both]
        return _interval(name, differences, self.queries[:both])


def _interval(name: str, values: Floats, queries: Floats) -> Interval:
    exists = ~np.isnan(values)
    if not exists.any():
        return Interval(float("nan"), float("nan"))
    if name in POOLED:
        return metrics.pooled_ci95(values, queries)
    return metrics.mean_ci95(values[exists])


def score(answers: Sequence[Answer]) -> MethodScores:
    """Score a method's answers on one set, one per episode, in the order of the episodes."""
    rows = [_of_episode(answer) for answer in answers]
    found: defaultdict[str, list[float]] = defaultdict(list)
    for answer in answers:
        for label, recall in metrics.recalls(answer.probabilities, answer.labels).items():
            found[answer.classes[label]].append(recall)
    shown = sum(len(answer.labels) + len(answer.outside) for answer in answers)
    predict_seconds = sum(answer.predict_seconds for answer in answers)
    return MethodScores(
        values={name: np.array([row[name] for row in rows]) for name in rows[0]},
        queries=np.array([len(answer.labels) for answer in answers], dtype=np.float64),
        bins=metrics.stack_bins(
            [metrics.confidence_bins(answer.probabilities, answer.labels) for answer in answers]
        ),
        recall={name: metrics.mean_ci95(found[name]) for name in sorted(found)},
        costs={
            "seconds_per_task": float(np.mean([answer.seconds for answer in answers])),
            "seconds_to_classifier": float(np.mean([answer.fit_seconds for answer in answers])),
            "ms_per_image": 1000.0 * predict_seconds / shown,
            "size_bytes": float(np.mean([answer.size_bytes for answer in answers])),
        },
    )


def _of_episode(answer: Answer) -> dict[str, float]:
    probabilities, labels = answer.probabilities, answer.labels
    return {
        "accuracy": metrics.accuracy(probabilities, labels),
        "balanced_accuracy": metrics.balanced_accuracy(probabilities, labels),
        "macro_auc": metrics.macro_auc(probabilities, labels),
        "selective_accuracy": metrics.selective_accuracy(probabilities, labels),
        "ood_auroc": metrics.ood_auroc(probabilities, answer.outside),
        "isic_balanced_accuracy": isic_balanced_accuracy(probabilities, labels, answer.names),
        "nll": metrics.negative_log_likelihood(probabilities, labels),
        "brier": metrics.brier_score(probabilities, labels),
    }
