"""From the scores of methods to the blocks `"methods"`, `"paired"`, `"per_episode"` and `"reliability"` of the JSON contract.

In: per set, `MethodScores` by the name of the method. Out: dicts of plain numbers, in which null stands for a figure that
does not exist: an interval of one episode, `ood_auroc` where a set has no class to spare, a mean over sets that do not all
have the figure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sgps.evaluation.methods import SEMI_SUPERVISED
from sgps.evaluation.metrics import Interval, mean_interval
from sgps.evaluation.scores import COSTS, FIGURES, PAIRED, MethodScores

PAIRED_PREFIX = "sgps-minus-"
_DIGITS = 6


def report(sets: Sequence[Mapping[str, MethodScores]], per_episode: bool = False) -> dict[str, Any]:
    """Build `"methods"` and, where `sgps` ran, `"paired"`, as means over `sets`; each set weighs the same.

    The recall of each class stands there for one set only, since several have different classes.

    Args:
        sets: per set, the scores of the same methods by name.
        per_episode: add `"per_episode"`, the accuracies of each method, and `"reliability"`; for one set only.
    """
    names = list(sets[0])
    block: dict[str, Any] = {
        "methods": {name: _method(name, [scores[name] for scores in sets]) for name in names}
    }
    if "sgps" in names:
        block["paired"] = {
            f"{PAIRED_PREFIX}{name}": _paired(
                [(scores["sgps"], scores[name]) for scores in sets],
            )
            for name in names
            if name != "sgps"
        }
    if per_episode:
        (only,) = sets
        block["per_episode"] = {
            name: [_number(float(value)) for value in only[name].values["accuracy"]]
            for name in names
        }
        block["reliability"] = {name: _reliability(only[name]) for name in names}
    return block


def _method(name: str, sets: Sequence[MethodScores]) -> dict[str, Any]:
    found = {key: mean_interval([one.figure(key) for one in sets]) for key in FIGURES}
    costs = [key for key in sets[0].costs if key not in COSTS]
    block = _means(found) | {
        key: _number(float(np.mean([one.costs[key] for one in sets]))) for key in (*COSTS, *costs)
    }
    block["episodes"] = sets[0].episodes
    block["semi_supervised"] = name in SEMI_SUPERVISED
    block["intervals"] = {key: _number(one.half_width) for key, one in found.items()}
    if len(sets) == 1:
        recall = sets[0].recall
        block["recall"] = {label: _number(one.mean) for label, one in recall.items()}
        block["recall_intervals"] = {
            label: _number(one.half_width) for label, one in recall.items()
        }
    return block


def _paired(pairs: Sequence[tuple[MethodScores, MethodScores]]) -> dict[str, Any]:
    found = {key: mean_interval([own.minus(other, key) for own, other in pairs]) for key in PAIRED}
    episodes = min(one.episodes for one in pairs[0])
    intervals = {key: _number(one.half_width) for key, one in found.items()}
    return _means(found) | {"episodes": episodes, "intervals": intervals}


def _means(found: Mapping[str, Interval]) -> dict[str, Any]:
    """Every mean under its name; the accuracy comes first, with its interval beside it."""
    first = {
        "accuracy": _number(found["accuracy"].mean),
        "ci95": _number(found["accuracy"].half_width),
    }
    return first | {key: _number(one.mean) for key, one in found.items()}


def _reliability(scores: MethodScores) -> list[dict[str, float | None]]:
    """Bins of the confidence, equally wide, from 0 to 1; an empty one has neither confidence nor accuracy."""
    bins = scores.bins.pooled()
    return [
        {
            "count": int(count),
            "confidence": _number(float(confidence / count)) if count else None,
            "accuracy": _number(float(100 * credit / count)) if count else None,
        }
        for count, confidence, credit in zip(bins.count, bins.confidence, bins.credit, strict=True)
    ]


def _number(value: float) -> float | None:
    """JSON has no `nan`."""
    return None if math.isnan(value) else round(value, _DIGITS)
