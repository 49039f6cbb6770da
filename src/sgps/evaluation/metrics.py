"""Score probabilities against true classes, and put an interval on what is averaged over episodes.

In: probabilities (Q, N) and labels (Q,), integers below N. Accuracies and AUC are percentages, 0 to 100; the
calibration error is a fraction, 0 to 1; the log-likelihood is in nats; the Brier score lies between 0 and 2.

Equal largest probabilities earn a fair share of a hit each, here and in all that builds on `hits`; ISIC's own score, for
which a tie is wrong, is in `isic_score.py`.

Shapes: Q queries, O outside pictures, N classes, E episodes, B bins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

ECE_BINS = 15
"""Equal-width bins of the confidence."""
COVERAGE = 0.8
"""Share of the queries that a classifier must answer when it may leave out those it is least sure of."""
BOOTSTRAP_DRAWS = 1000
BOOTSTRAP_SEED = 0
NLL_FLOOR = 1e-7
"""Least probability that a logarithm is taken of: one certain and wrong answer costs 16 nats, not infinity."""


@dataclass(frozen=True)
class Interval:
    """A mean over episodes and the half-width of its 95 % interval."""

    mean: float
    half_width: float


def hits(probabilities: Floats, labels: Labels) -> Floats:
    """For each query 1 if the true class alone is the likeliest, 1/t if it ties with t - 1 others, else 0 (Q,).

    Ties count by what a fair guess among them would get, so that equal probabilities score exactly chance.
    """
    best = probabilities == probabilities.max(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    credit: Floats = best[rows, labels] / best.sum(axis=1)
    return credit


def accuracy(probabilities: Floats, labels: Labels) -> float:
    """Share of right answers, in percent."""
    return 100.0 * float(hits(probabilities, labels).mean())


def recalls(probabilities: Floats, labels: Labels) -> dict[int, float]:
    """Share of right answers among the queries of each class that has any, in percent."""
    credit = hits(probabilities, labels)
    present = [int(label) for label in np.unique(labels)]
    return {label: 100.0 * float(credit[labels == label].mean()) for label in present}


def balanced_accuracy(probabilities: Floats, labels: Labels) -> float:
    """Mean recall over the classes that have a query, in percent."""
    return float(np.mean(list(recalls(probabilities, labels).values())))


def selective_accuracy(probabilities: Floats, labels: Labels, coverage: float = COVERAGE) -> float:
    """Share of right answers among the `coverage` of the queries with the highest confidence, in percent.

    At least that share is answered; of queries of equal confidence that only some can be answered of, a fair draw is.
    """
    confidence = probabilities.max(axis=1)
    credit = hits(probabilities, labels)
    # A share such as 0.8 of 15 is 12, whatever rounding makes of it.
    count = int(np.ceil(coverage * len(labels) - 1e-9))
    least = np.sort(confidence)[len(labels) - count]
    sure, tied = confidence > least, confidence == least
    right = credit[sure].sum() + (count - sure.sum()) * credit[tied].mean()
    return 100.0 * float(right) / count


def macro_auc(probabilities: Floats, labels: Labels) -> float:
    """Mean area under the ROC curve of each class against the rest, in percent; `nan` if only one class has queries.

    The area is the chance that a picture of the class scores higher than one of another; ties count one half.
    """
    areas = []
    for label in np.unique(labels):
        inside = probabilities[labels == label, label]
        outside = np.sort(probabilities[labels != label, label])
        if len(outside):
            below = np.searchsorted(outside, inside, "left")
            not_above = np.searchsorted(outside, inside, "right")
            areas.append((below + not_above).mean() / 2 / len(outside))
    return 100.0 * float(np.mean(areas)) if areas else float("nan")


def ood_auroc(inside: Floats, outside: Floats) -> float:
    """Chance, in percent, that a query's confidence is above that of a picture of no class of the task; ties count one half.

    Confidence is the largest probability. `nan` if one side has no picture.

    Args:
        inside: probabilities (Q, N) of queries.
        outside: probabilities (O, N) of pictures of other classes.
    """
    if not len(inside) or not len(outside):
        return float("nan")
    ours, theirs = inside.max(axis=1), np.sort(outside.max(axis=1))
    wins = np.searchsorted(theirs, ours, "left") + np.searchsorted(theirs, ours, "right")
    return 100.0 * float(wins.mean()) / 2 / len(theirs)


@dataclass(frozen=True)
class Bins:
    """Queries by confidence, in B equal-width bins; may have an axis of episodes in front."""

    count: Floats
    """(..., B) queries."""
    confidence: Floats
    """(..., B) sum of their confidences."""
    credit: Floats
    """(..., B) sum of their hits."""

    def pooled(self) -> Bins:
        """All episodes in one."""
        return Bins(self.count.sum(axis=0), self.confidence.sum(axis=0), self.credit.sum(axis=0))

    def error(self) -> float:
        """Expected calibration error."""
        return float(np.abs(self.credit - self.confidence).sum() / self.count.sum())


def confidence_bins(probabilities: Floats, labels: Labels, bins: int = ECE_BINS) -> Bins:
    """Sort the queries of one episode into equal-width bins of their confidence."""
    confidence = probabilities.max(axis=1)
    # A bin holds its upper edge, and the first its lower one too.
    index = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    parts = [
        np.bincount(index, weights=weights, minlength=bins).astype(np.float64)
        for weights in (np.ones_like(confidence), confidence, hits(probabilities, labels))
    ]
    return Bins(*parts)


def stack_bins(episodes: Sequence[Bins]) -> Bins:
    """Bins with an axis of episodes in front."""
    return Bins(
        np.stack([one.count for one in episodes]),
        np.stack([one.confidence for one in episodes]),
        np.stack([one.credit for one in episodes]),
    )


def expected_calibration_error(
    probabilities: Floats, labels: Labels, bins: int = ECE_BINS
) -> float:
    """Mean distance between confidence and accuracy over equal-width bins, weighted by their queries; 0 to 1."""
    return confidence_bins(probabilities, labels, bins).error()


def calibration_interval(episodes: Bins) -> Interval:
    """Calibration error of all episodes pooled, with 1.96 sd of a bootstrap over episodes.

    The draws are the same ones every time. A single episode has an interval of `nan`.
    """
    error, number = episodes.pooled().error(), len(episodes.count)
    if number < 2:
        return Interval(error, float("nan"))
    times = _bootstrap(number)
    gaps = np.abs(times @ (episodes.credit - episodes.confidence)).sum(axis=1)
    errors = gaps / (times @ episodes.count.sum(axis=1))
    return Interval(error, 1.96 * float(errors.std(ddof=1)))


@lru_cache(maxsize=4)
def _bootstrap(number: int) -> Floats:
    """How often each of some episodes is in each draw."""
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    times = rng.multinomial(number, np.full(number, 1 / number), size=BOOTSTRAP_DRAWS)
    return times.astype(np.float64)


def negative_log_likelihood(probabilities: Floats, labels: Labels) -> float:
    """Mean of minus the logarithm of the true class's probability, kept above `NLL_FLOOR`, in nats."""
    true = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.clip(true, NLL_FLOOR, 1.0)).mean())


def brier_score(probabilities: Floats, labels: Labels) -> float:
    """Mean squared distance between the probabilities and the one-hot truth, summed over classes; 0 to 2."""
    truth = np.eye(probabilities.shape[1])[labels]
    return float(((probabilities - truth) ** 2).sum(axis=1).mean())


def mean_ci95(values: Sequence[float] | Floats) -> Interval:
    """Mean of per-episode values with 1.96 sd / sqrt(E); a single value has an interval of `nan`."""
    array = np.asarray(values, dtype=np.float64)
    if len(array) < 2:
        return Interval(float(array.mean()), float("nan"))
    return Interval(
        float(array.mean()), 1.96 * float(array.std(ddof=1)) / float(np.sqrt(len(array)))
    )


def pooled_ci95(values: Floats, weights: Floats) -> Interval:
    """Mean over queries of all episodes with its interval over episodes.

    The interval is that of a ratio of two sums over episodes; where all episodes have as many queries, it is `mean_ci95`'s.

    Args:
        values: (E,) mean over the queries of each episode.
        weights: (E,) number of these queries.
    """
    mean = float((values * weights).sum() / weights.sum())
    around = mean_ci95((values - mean) * weights / weights.mean())
    return Interval(mean, around.half_width)


def paired_difference(
    first: Sequence[float] | Floats, second: Sequence[float] | Floats
) -> Interval:
    """Mean of `first` minus `second` over the same episodes, with the interval of the differences."""
    one, two = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.shape != two.shape:
        raise ValueError(f"{one.shape} values against {two.shape}: not the same episodes")
    return mean_ci95(one - two)


def mean_interval(parts: Sequence[Interval]) -> Interval:
    """Mean over sets measured apart, each weighing the same; their errors are independent."""
    widths = np.asarray([part.half_width for part in parts])
    return Interval(
        float(np.mean([part.mean for part in parts])),
        float(np.sqrt((widths**2).sum()) / len(parts)),
    )
