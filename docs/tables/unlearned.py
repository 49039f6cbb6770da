"""Sgps on sets that its features have never learned and that its memory must not know."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from sgps.evaluation.metrics import mean_interval
from tables.cells import accuracy, difference, number, source, table
from tables.reading import (
    UNLEARNED,
    UNMET,
    Results,
    Task,
    interval,
    is_peer,
    on_peer_network,
    over_both,
)

_CONTROLS = ("sgps-no-memory", "sgps-no-text")


def unlearned(results: Results) -> str:
    """Accuracies of sgps and of the best peers, what they differ by, and how sure sgps is."""
    head = ("task", "shots", f"`{UNMET}`", *(f"minus `{name}`" for name in _CONTROLS))
    head += ("best peer on ImageNet V2-B0", "minus it", "best peer of all", "minus it", "ECE")
    known = results.of_file(UNLEARNED)
    rows = []
    for shot in dict.fromkeys(task.shot for task in known):
        tasks = [task for task in known if task.shot == shot]
        rows += [_row(task.title, [task]) for task in tasks]
        rows.append(_row(f"mean of these {len(tasks)}", tasks))
    sizes = {task.data["name"]: sum(task.data["pictures"].values()) for task in known}
    counts = ", ".join(f"{name} {size}" for name, size in sizes.items())
    more = (
        f"Pictures: {counts}; ± does not tell what other pictures would have given. The best peer is the one with the highest "
        "accuracy; differences are paired."
    )
    return "\n".join([*table(head, rows), *source(known, more)])


def _row(title: str, tasks: Sequence[Task]) -> list[str]:
    """Of one task, or the mean over several, each weighing the same."""
    cells = [_accuracy(tasks, UNMET), *(_minus(tasks, name) for name in _CONTROLS)]
    for chosen in (on_peer_network, is_peer):
        best = _best(tasks, chosen)
        cells += [f"{_accuracy(tasks, best)} (`{best}`)", _minus(tasks, best)]
    ece = statistics.fmean(task.methods[UNMET]["ece"] for task in tasks)
    return [title, str(tasks[0].shot), *cells, number(ece, ".3f")]


def _accuracy(tasks: Sequence[Task], method: str) -> str:
    return accuracy(mean_interval([interval(task.methods[method]) for task in tasks]))


def _best(tasks: Sequence[Task], chosen: Callable[[str], bool]) -> str:
    """The chosen method with the highest accuracy, which all of these have answered."""
    return max(
        tasks[0].comparable(chosen),
        key=lambda name: statistics.fmean(task.methods[name]["accuracy"] for task in tasks),
    )


def _minus(tasks: Sequence[Task], method: str) -> str:
    """Sgps minus a method, over the episodes that both have answered."""
    found = [task.block["per_episode"] for task in tasks]
    return difference(mean_interval([over_both(own[UNMET], own[method]) for own in found]))
