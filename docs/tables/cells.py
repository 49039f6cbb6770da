"""Cells and lines of Markdown tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sgps.evaluation.metrics import Interval
from tables.reading import Task

NOTHING = "–"
"""Where a figure does not exist."""
_DIGEST = 12


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table."""
    lines = [_line(head), "|" + "---|" * len(head)]
    return [*lines, *map(_line, rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def number(value: float | None, form: str) -> str:
    """A number, or a dash where there is none."""
    return NOTHING if value is None or math.isnan(value) else format(value, form)


def accuracy(figures: Mapping[str, Any] | Interval | None) -> str:
    """Accuracy ± interval."""
    return _plus_minus(figures, "")


def difference(figures: Mapping[str, Any] | Interval | None) -> str:
    """Difference ± interval, with its sign."""
    return _plus_minus(figures, "+")


def _plus_minus(figures: Mapping[str, Any] | Interval | None, sign: str) -> str:
    if figures is None:
        return NOTHING
    if isinstance(figures, Interval):
        mean, half = figures.mean, figures.half_width
    else:
        mean, half = figures["accuracy"], figures["ci95"]
    around = number(half, ".1f")
    return number(mean, f"{sign}.1f") + ("" if around == NOTHING else f" ± {around}")


def named(task: Task, method: str | None) -> str:
    """Accuracy of a method, and which it is."""
    if method is None:
        return NOTHING
    return (
        f"{accuracy(task.methods[method])} ({', '.join([f'`{method}`', *remarks(task, method)])})"
    )


def remarks(task: Task, method: str) -> list[str]:
    """What a reader must know of a method beside its accuracy."""
    figures = task.methods[method]
    found = ["semi-supervised"] if figures["semi_supervised"] else []
    if figures["episodes"] < task.settings["episodes"]:
        found.append(f"{figures['episodes']} episodes")
    return found


def source(tasks: Sequence[Task], *more: str) -> list[str]:
    """What stands below a table: an empty line, and one that says how it was measured; `more` are sentences of its own."""
    settings = [task.settings for task in tasks]
    sizes = listed(one["image_size"] for one in settings if one["image_size"])
    own = listed(one["engine_image_size"] for one in settings if one["engine_image_size"])
    size = f"{own} px" if sizes in ("", own) else f"{own} px, peers {sizes} px"
    files = listed(f"`results/{task.file}.json`" for task in tasks)
    line = (
        f"{listed(format(one['episodes'], ',') for one in settings)} episodes of up to "
        f"{listed(one['query'] for one in settings)} queries a class, seed {listed(one['seed'] for one in settings)}, {size}; "
        f"engine {listed(digest(one['engine_digest']) for one in settings)}, "
        f"commit {listed(digest(one['git_commit']) for one in settings)}; from {files}."
    )
    return ["", " ".join([line, *more])]


def digest(text: str | None) -> str:
    """The beginning of a digest or of a commit, which says so where there were changes beside it."""
    if text is None:
        return "unknown"
    head, dash, dirty = text.partition("-")
    return f"`{head[:_DIGEST]}{dash}{dirty}`"


def listed(values: Iterable[object]) -> str:
    """The values that differ, in their order."""
    *most, last = dict.fromkeys(map(str, values)) or ("",)
    return f"{', '.join(most)} and {last}" if most else last
