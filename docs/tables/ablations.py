"""One choice of the engine at a time: what each is worth on the dev sets, and the choice per task against a fixed one.

In: `ablations.json` and, of engines that learned otherwise, `ablations-learning.json`, with the accuracy of every episode of
every row. All differences are paired.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sgps.evaluation.metrics import Interval, mean_interval
from tables.cells import NOTHING, difference, digest, table
from tables.reading import Results, over_both

FILE, LEARNING_FILE = "ablations", "ablations-learning"
SHOTS = ("1", "5")
_SGPS, _FIXED = "sgps", "best fixed mixture"
_GROUPS = {
    "experts": "The base moved towards experts, alike for all tasks and tensors",
    "pictures": "Views of the support, and size of the pictures",
    "head": "Words, metric and other heads, on features of the base",
    "engine": "The whole engine, which writes a network for every task",
    "learning": "Generator, memory's worth and head learned otherwise from tasks, on the same networks",
}
_WHOLE = ("engine", "learning")
"""Groups whose rows are not of the reference with one thing changed."""
Row = Mapping[str, Any]


def ablations(results: Results, file: str = FILE) -> str:
    """A table for each kind of choice, and the gain of choosing per task."""
    content = results.load(file)
    rows = {row["name"]: row for row in content["rows"]}
    lines: list[str] = []
    for group, title in _GROUPS.items():
        own = [row for row in rows.values() if row["group"] == group]
        if own:
            first = [] if group in _WHOLE else [rows["reference"]]
            lines += [f"**{title}**", "", *_table([*first, *own], rows), ""]
    if _SGPS in rows and _FIXED in rows:
        lines += ["**Written for the task or moved alike for all**", ""]
        lines += [*_gain(rows[_SGPS], rows[_FIXED], content["best_fixed"]), ""]
    return "\n".join([*lines, _below(content, file)])


def _table(shown: Sequence[Row], rows: Mapping[str, Row]) -> list[str]:
    tasks = list(shown[0]["per_episode"])
    head = ("1-shot / 5-shot", *tasks, f"mean of {len(tasks)}", "episodes")
    return table(
        (*head, "minus", "1 shot", "5 shots"),
        [_cells(row, rows.get(row["against"]), tasks) for row in shown],
    )


def _cells(row: Row, against: Row | None, tasks: Sequence[str]) -> list[str]:
    found = row["per_episode"]
    means = {task: [statistics.fmean(found[task][shot]) for shot in SHOTS] for task in tasks}
    overall = [statistics.fmean(own) for own in zip(*means.values(), strict=True)]
    cells = [row["name"], *(_pair(means[task]) for task in tasks), _pair(overall)]
    cells.append(str(max(len(found[task][shot]) for task in tasks for shot in SHOTS)))
    if against is None:
        return [*cells, NOTHING, NOTHING, NOTHING]
    gains = [difference(mean_gain(row, against, _one(shot))) for shot in SHOTS]
    return [*cells, against["name"], *gains]


def _pair(values: Sequence[float]) -> str:
    return " / ".join(f"{value:.1f}" for value in values)


Values = Callable[[Mapping[str, Sequence[float]]], list[float]]
"""From a task's accuracies by shots to one number an episode."""


def _one(shot: str) -> Values:
    return lambda own: list(own[shot])


def both_shots(own: Mapping[str, Sequence[float]]) -> list[float]:
    """Mean over the numbers of shots: episodes of one place have their classes, and often pictures, in common."""
    return [statistics.fmean(values) for values in zip(*(own[s] for s in SHOTS), strict=True)]


def gain(row: Row, other: Row, task: str, values: Values) -> Interval:
    """A row minus another one on a task, over the first episodes, which both have answered."""
    one, two = (values(each["per_episode"][task]) for each in (row, other))
    return over_both(one, two)


def mean_gain(row: Row, other: Row, values: Values) -> Interval:
    """The same, mean over tasks."""
    return mean_interval([gain(row, other, task, values) for task in row["per_episode"]])


def _gain(sgps: Row, fixed: Row, name: str) -> list[str]:
    kinds = (*map(_one, SHOTS), both_shots)
    tasks = list(sgps["per_episode"])
    rows = [
        [task, *(difference(gain(sgps, fixed, task, kind)) for kind in kinds)] for task in tasks
    ]
    means = [difference(mean_gain(sgps, fixed, kind)) for kind in kinds]
    lines = table(
        ("sgps minus the best fixed mixture", "1 shot", "5 shots", "both"),
        [*rows, [f"mean of {len(tasks)}", *means]],
    )
    chosen = "the base with no expert" if name == "reference" else name
    return [
        *lines,
        "",
        f"The best fixed mixture, of all above by the mean over tasks and shots, is {chosen}. It was chosen on these very "
        "episodes: one chosen beforehand can only be expected to do worse.",
    ]


def _below(content: Mapping[str, Any], file: str) -> str:
    settings = content["settings"]
    slow, most = settings["slow_episodes"], settings["most_pictures_a_class"]
    counts = f"{settings['episodes']} episodes a task, for whole engines the first {slow}"
    counts += f", or {slow // 2} where a part is taken away or made plainer,"
    return (
        f"{counts if file == FILE else f'{slow} episodes a task'} of {settings['query']} queries a class, as far as there are so "
        f"many, seed {settings['seed']}, drawn from at most {most} pictures a class. {settings['image_size']} px and "
        f"{settings['views']} views of each support picture where nothing else is said; pictures are stored with a short side of "
        f"160 px, so that larger ones are scaled up. Differences are the row minus the one named before. Engine "
        f"{digest(settings['engine_digest'])}, commit {digest(content['git_commit'])}; from `results/{file}.json`."
    )
