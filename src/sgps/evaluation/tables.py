"""Show a benchmark's result to people and to spreadsheets.

In: the dict that `run_benchmark` gives, or the one of a protocol. Out: a table or CSV, as text.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from sgps.evaluation.report import PAIRED_PREFIX
from sgps.evaluation.scores import COSTS, FIGURES

_MEASURED = [name for name in FIGURES if name != "accuracy"]
_COLUMNS = ("accuracy", "ci95", *_MEASURED, *COSTS, "episodes")

_SHOWN = (
    ("accuracy", "accuracy", ""),
    ("bal. acc.", "balanced_accuracy", ".2f"),
    ("AUC", "macro_auc", ".2f"),
    ("OOD", "ood_auroc", ".2f"),
    ("ECE", "ece", ".3f"),
    ("NLL", "nll", ".3f"),
    ("s to fit", "seconds_to_classifier", ".3f"),
    ("ms/image", "ms_per_image", ".2f"),
    ("s/task", "seconds_per_task", ".3f"),
)
"""Columns of the table: title, key and form."""


def to_csv(result: Mapping[str, Any]) -> str:
    """One row per set and method; `sgps_minus` and `sgps_minus_ci95` are sgps minus that row's method.

    The result of a protocol has a column `part` in front.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    front = ["part"] if "parts" in result else []
    intervals = [f"{name}_ci95" for name in _MEASURED]
    writer.writerow(
        [*front, "set", "method", *_COLUMNS, "sgps_minus", "sgps_minus_ci95", *intervals]
    )
    for part, own in result.get("parts", {"": result}).items():
        for title, block in _blocks(own):
            for name, figures in block["methods"].items():
                paired = block.get("paired", {}).get(f"{PAIRED_PREFIX}{name}", {})
                cells = [figures[column] for column in _COLUMNS]
                cells += [paired.get("accuracy"), paired.get("ci95")]
                cells += [figures["intervals"][column] for column in _MEASURED]
                writer.writerow([*([part] if front else []), title, name, *cells])
    return stream.getvalue()


def to_table(result: Mapping[str, Any]) -> str:
    """A table per set, to be read by people; the last column is sgps minus that row's method."""
    if "parts" in result:
        return "\n".join(f"== {part}\n{to_table(own)}" for part, own in result["parts"].items())
    tables = []
    for title, block in _blocks(result):
        rows = [["method", *(title for title, _, _ in _SHOWN), "sgps minus it"]]
        for name, figures in block["methods"].items():
            paired = block.get("paired", {}).get(f"{PAIRED_PREFIX}{name}")
            rows.append(
                [
                    f"{name} *" if figures["semi_supervised"] else name,
                    _plus_minus(figures, ""),
                    *(_cell(figures[key], form) for _, key, form in _SHOWN[1:]),
                    _plus_minus(paired, "+") if paired else "",
                ]
            )
        tables.append(f"{title}\n{_aligned(rows)}{_notes(block['methods'])}")
    return "\n\n".join(tables) + "\n"


def _notes(methods: Mapping[str, Any]) -> str:
    """What a reader must know of some rows, a line each."""
    longest = max(figures["episodes"] for figures in methods.values())
    notes = [
        f"\n{name} answered the first {figures['episodes']} of {longest} episodes"
        for name, figures in methods.items()
        if figures["episodes"] < longest
    ]
    if any(figures["semi_supervised"] for figures in methods.values()):
        notes.append("\n* learns from pictures without labels, too")
    return "".join(notes)


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
