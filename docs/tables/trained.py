"""Sgps beside methods that train on the support's pictures."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from sgps.evaluation.metrics import mean_interval
from tables.cells import NOTHING, accuracy, difference, number, source, table
from tables.methods import timing
from tables.reading import TRAINED, TRAINED_NOVEL, Results, Task, interval, methods_of


def trained(results: Results) -> str:
    """Of each method, task by task, its accuracy, what sgps is above it, and the seconds until it can classify."""
    known = [task for name in results.has(TRAINED_NOVEL, TRAINED) for task in results.of_file(name)]
    columns: dict[str, list[Task]] = {}
    for task in known:
        what = "mean of {}" if task.file == TRAINED else task.title
        columns.setdefault(f"{what}, {task.shot}", []).append(task)
    head = ["method"]
    for title, tasks in columns.items():
        head += [title.format(len(tasks)), "sgps minus it", "seconds"]
    rows = [
        [f"`{method}`", *(cell for tasks in columns.values() for cell in _cells(tasks, method))]
        for method in methods_of(known)
    ]
    return "\n".join([*table(head, rows), *source(known, *timing(known[0].settings))])


def _cells(tasks: Sequence[Task], method: str) -> list[str]:
    """Of one task, or the mean over several, each weighing the same."""
    found = [task.methods[method] for task in tasks if method in task.methods]
    if len(found) < len(tasks):
        return [NOTHING] * 3
    above = [own for task in tasks if (own := task.paired(method))]
    return [
        accuracy(mean_interval([interval(own) for own in found])),
        difference(mean_interval([interval(own) for own in above])) if above else NOTHING,
        number(statistics.fmean(own["seconds_to_classifier"] for own in found), ".1f"),
    ]
