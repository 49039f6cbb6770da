"""What a ridge head reaches on ImageNet's features, the base's, and base and experts side by side."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from sgps.evaluation.metrics import Interval
from tables.cells import NOTHING, accuracy, difference, source, table
from tables.differences import apart, mean_of
from tables.reading import FIVE, MODALITIES, NOVEL, Results, Task, over_both

_METHODS = ("ridge", "ridge@base", "ridge@engine")
AIMS = {
    ("novel 3-way", 1): "66",
    ("novel 3-way", 5): "82",
    ("5 of 7 skin diseases", 1): "48",
    ("5 of 7 skin diseases", 5): "65",
    ("otoscopy_otitis4 4-way", 1): "72",
    ("otoscopy_otitis4 4-way", 5): "86",
    (MODALITIES, 1): "+6",
    (MODALITIES, 5): "+5",
}
"""Accuracy that a ridge head on base and experts was to reach, or, on the mean of the six other sets, its gain."""
_SETS = 6


def features(results: Results) -> str:
    """Accuracies, the aims, and the paired gain over ImageNet."""
    head = ("task", "shots", "ImageNet V2-B0", "base", "base and experts", "aim")
    rows, shown = [], []
    for shot in (1, 5):
        tasks = [
            task
            for task in results.tasks(NOVEL, FIVE, MODALITIES, shots=[shot])
            if any(name in task.methods for name in _METHODS)
        ]
        gains = {id(task): _gains(task) for task in tasks}
        shown += tasks
        for task in tasks:
            cells = [accuracy(task.methods.get(name)) for name in _METHODS]
            cells += [AIMS.get((task.title, shot), ""), *map(difference, gains[id(task)])]
            rows.append([task.title, str(shot), *cells])
        six = [task for task in tasks if task.file == MODALITIES]
        for group, of, aim in (
            (six, " other sets", AIMS[MODALITIES, shot]),
            (apart(tasks), "", ""),
        ):
            title = f"mean of {len(group)}{of}"
            if len(group) > 1:
                cells = [*_means(group), aim if len(group) == _SETS else ""]
                cells += [mean_of([gains[id(task)][place] for task in group]) for place in (0, 1)]
                rows.append([title, str(shot), *cells])
    more = (
        "The last two columns are base minus ImageNet and base and experts minus ImageNet, paired."
    )
    lines = table((*head, "base's gain", "both's gain"), rows)
    return "\n".join([*lines, *source(shown, more)])


def _gains(task: Task) -> list[Interval | None]:
    """Of base, and of base and experts, over ImageNet."""
    found = task.block["per_episode"]
    gains: list[Interval | None] = []
    for name in _METHODS[1:]:
        if name in found and _METHODS[0] in found:
            gains.append(over_both(found[name], found[_METHODS[0]]))
        else:
            gains.append(None)
    return gains


def _means(tasks: Sequence[Task]) -> list[str]:
    cells = []
    for name in _METHODS:
        found = [task.methods[name]["accuracy"] for task in tasks if name in task.methods]
        cells.append(f"{statistics.fmean(found):.1f}" if len(found) == len(tasks) else NOTHING)
    return cells
