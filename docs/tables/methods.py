"""Every method on every task, and accuracy by the number of shots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tables.cells import NOTHING, accuracy, difference, number, source, table
from tables.reading import Results, Task, is_peer, methods_of

_HEAD = (
    "method",
    "accuracy",
    "sgps minus it",
    "balanced",
    "AUC",
    "ECE",
    "NLL",
    "OOD AUROC",
    "s to a classifier",
    "ms a picture",
    "MB",
    "episodes",
)


def all_methods(results: Results, file: str) -> str:
    """A table for each task of a file, folded."""
    lines: list[str] = []
    tasks = results.tasks(file)
    means = [mean for mean in results.means() if mean.file == file]
    for shot in dict.fromkeys(task.shot for task in tasks):
        for task in (one for one in (*tasks, *means) if one.shot == shot):
            rows = [_row(task, method) for method in methods_of([task])]
            title = f"<summary>{task.title}, {task.shot} shot{'s' if shot > 1 else ''}</summary>"
            body = [*table(_HEAD, rows), *source([task], *timing(task.settings))]
            lines += ["<details>", title, "", *body, "", "</details>", ""]
    return "\n".join(lines[:-1])


def timing(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """How times were taken, a sentence."""
    threads, jobs = settings["threads"], settings["jobs"]
    processes = "a process" if jobs == 1 else f"each of {jobs} processes at a time"
    return (
        f"Times are of {threads} thread{'s' if threads > 1 else ''} in {processes}, device {settings['device']}.",
    )


def _row(task: Task, method: str) -> list[str]:
    figures = task.methods[method]
    return [
        f"`{method}`{' *' if figures['semi_supervised'] else ''}",
        accuracy(figures),
        NOTHING if method == "sgps" else difference(task.paired(method)),
        number(figures["balanced_accuracy"], ".1f"),
        number(figures["macro_auc"], ".1f"),
        number(figures["ece"], ".3f"),
        number(figures["nll"], ".3f"),
        number(figures["ood_auroc"], ".1f"),
        number(figures["seconds_to_classifier"], ".3f"),
        number(figures["ms_per_image"], ".2f"),
        number(figures["size_bytes"] / 1e6, ".1f"),
        format(figures["episodes"], ","),
    ]


def by_shots(results: Results, file: str) -> str:
    """Accuracy of sgps and its peers with more and more pictures a class, for each number of classes."""
    known = [task for task in results.all_tasks if task.file == file]
    lines: list[str] = []
    for title in dict.fromkeys(task.title for task in known):
        tasks = sorted((task for task in known if task.title == title), key=lambda task: task.shot)
        lines += [f"**{title}**", "", *_shots(tasks), *source(tasks), ""]
    return "\n".join(lines[:-1])


def _shots(tasks: Sequence[Task]) -> list[str]:
    rows = []
    for method in methods_of(tasks):
        if method == "sgps" or is_peer(method):
            found = [task.methods.get(method) for task in tasks]
            star = " *" if any(one and one["semi_supervised"] for one in found) else ""
            rows.append([f"`{method}`{star}", *map(accuracy, found)])
    shots = [f"{task.shot} shot{'s' if task.shot > 1 else ''}" for task in tasks]
    return table(("method", *shots), rows)
