"""From probabilities of episodes to the figures of a benchmark, and from those to text.

In: per episode, probabilities (Q, N), true classes (Q,), their names and seconds of each method. Out: the blocks `"methods"` and
`"paired"` of the JSON contract, and the same as a table or CSV.

Shapes: Q queries and N classes of an episode.
"""

from __future__ import annotations

import csv
import io
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sgps.evaluation import metrics
from sgps.evaluation.metrics import Floats, Interval, Labels

_AVERAGED = (
    "balanced_accuracy",
    "macro_auc",
    "selective_accuracy",
    "ece",
    "nll",
    "brier",
    "seconds_per_task",
)
_COLUMNS = ("accuracy", "ci95", *_AVERAGED)
_PAIRED_PREFIX = "sgps-minus-"
_DIGITS = 6


@dataclass(frozen=True, kw_only=True)
class MethodScores:
    """What one method scored on one set."""

    accuracies: tuple[float, ...]
    """Per episode, in percent."""
    averages: Mapping[str, float]
    """`ece`, `nll` and `brier` over all queries pooled, everything else over episodes."""
    recall: Mapping[str, float]
    """By class, over the episodes that have it, in percent."""


@dataclass(frozen=True)
class Answer:
    """What a method answered in one episode."""

    probabilities: Floats
    """(Q, N)."""
    labels: Labels
    """(Q,), below N."""
    classes: tuple[str, ...]
    """Names of the N classes."""
    seconds: float
    """Wall time."""


def score(answers: Sequence[Answer]) -> MethodScores:
    """Score a method's answers on one set, one per episode."""
    probabilities = [answer.probabilities for answer in answers]
    labels = [answer.labels for answer in answers]
    pairs = list(zip(probabilities, labels, strict=True))
    pooled, truth = np.concatenate(probabilities), np.concatenate(labels)
    averages = {
        "balanced_accuracy": float(np.mean([metrics.balanced_accuracy(p, t) for p, t in pairs])),
        "macro_auc": float(np.mean([metrics.macro_auc(p, t) for p, t in pairs])),
        "selective_accuracy": float(np.mean([metrics.selective_accuracy(p, t) for p, t in pairs])),
        "ece": metrics.expected_calibration_error(pooled, truth),
        "nll": metrics.negative_log_likelihood(pooled, truth),
        "brier": metrics.brier_score(pooled, truth),
        "seconds_per_task": float(np.mean([answer.seconds for answer in answers])),
    }
    found: defaultdict[str, list[float]] = defaultdict(list)
    for answer in answers:
        for label, recall in metrics.recalls(answer.probabilities, answer.labels).items():
            found[answer.classes[label]].append(recall)
    return MethodScores(
        accuracies=tuple(metrics.accuracy(p, t) for p, t in pairs),
        averages=averages,
        recall={name: float(np.mean(found[name])) for name in sorted(found)},
    )


def report(sets: Sequence[Mapping[str, MethodScores]], per_episode: bool = False) -> dict[str, Any]:
    """Build `"methods"` and, where `sgps` ran, `"paired"`, as means over `sets`; each set weighs the same.

    The recall of each class stands there for one set only, since several have different classes.

    Args:
        sets: per set, the scores of the same methods by name.
        per_episode: add `"per_episode"`, the accuracies of each method; for one set only.
    """
    names = list(sets[0])
    methods: dict[str, Any] = {}
    for name in names:
        accuracy = metrics.mean_interval(
            [metrics.mean_ci95(scores[name].accuracies) for scores in sets]
        )
        averages = {
            key: _number(float(np.mean([scores[name].averages[key] for scores in sets])))
            for key in _AVERAGED
        }
        methods[name] = _interval(accuracy) | averages
        if len(sets) == 1:
            recall = sets[0][name].recall
            methods[name]["recall"] = {label: _number(value) for label, value in recall.items()}
    block: dict[str, Any] = {"methods": methods}
    if "sgps" in names:
        block["paired"] = {
            f"{_PAIRED_PREFIX}{name}": _interval(
                metrics.mean_interval(
                    [
                        metrics.paired_difference(
                            scores["sgps"].accuracies, scores[name].accuracies
                        )
                        for scores in sets
                    ]
                )
            )
            for name in names
            if name != "sgps"
        }
    if per_episode:
        (only,) = sets
        block["per_episode"] = {
            name: [_number(value) for value in only[name].accuracies] for name in names
        }
    return block


def to_csv(result: Mapping[str, Any]) -> str:
    """One row per set and method; `sgps_minus` and `sgps_minus_ci95` are sgps minus that row's method.

    The result of a protocol has a column `part` in front.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    front = ["part"] if "parts" in result else []
    writer.writerow([*front, "set", "method", *_COLUMNS, "sgps_minus", "sgps_minus_ci95"])
    for part, own in result.get("parts", {"": result}).items():
        for title, block in _blocks(own):
            for name, figures in block["methods"].items():
                paired = block.get("paired", {}).get(f"{_PAIRED_PREFIX}{name}", {})
                cells = [figures[column] for column in _COLUMNS]
                cells += [paired.get("accuracy"), paired.get("ci95")]
                writer.writerow([*([part] if front else []), title, name, *cells])
    return stream.getvalue()


def to_table(result: Mapping[str, Any]) -> str:
    """A table per set, to be read by people; the last column is sgps minus that row's method."""
    if "parts" in result:
        return "\n".join(f"== {part}\n{to_table(own)}" for part, own in result["parts"].items())
    tables = []
    for title, block in _blocks(result):
        rows = [["method", "accuracy", "bal. acc.", "AUC", "ECE", "NLL", "s/task", "sgps minus it"]]
        for name, figures in block["methods"].items():
            paired = block.get("paired", {}).get(f"{_PAIRED_PREFIX}{name}")
            rows.append(
                [
                    name,
                    _plus_minus(figures, ""),
                    _cell(figures["balanced_accuracy"], ".2f"),
                    _cell(figures["macro_auc"], ".2f"),
                    _cell(figures["ece"], ".3f"),
                    _cell(figures["nll"], ".3f"),
                    _cell(figures["seconds_per_task"], ".3f"),
                    _plus_minus(paired, "+") if paired else "",
                ]
            )
        tables.append(f"{title}\n{_aligned(rows)}")
    return "\n\n".join(tables) + "\n"


def _blocks(result: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Every set's block under its name, and the mean over sets first where there are several."""
    if "sets" in result:
        return [("mean over sets", result), *result["sets"].items()]
    return [(result["settings"]["data"][0]["name"], result)]


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        first, *rest = (
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join([first, *rest]).rstrip())
    return "\n".join(lines)


def _plus_minus(figures: Mapping[str, Any], sign: str) -> str:
    half = "" if figures["ci95"] is None else f" ± {figures['ci95']:.2f}"
    return f"{_cell(figures['accuracy'], f'{sign}.2f')}{half}"


def _cell(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _interval(interval: Interval) -> dict[str, float | None]:
    return {"accuracy": _number(interval.mean), "ci95": _number(interval.half_width)}


def _number(value: float) -> float | None:
    """JSON has no `nan`."""
    return None if math.isnan(value) else round(value, _DIGITS)
