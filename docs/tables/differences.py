"""What differs when a part of sgps is taken away or put wrong, and what differs from other engines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

from sgps.evaluation.metrics import Interval, mean_interval
from tables.cells import NOTHING, accuracy, difference, digest, listed, source, table
from tables.reading import NOVEL, UNLEARNED, UNMET, Results, Task, controls, interval, over_both

_TEXT = ("sgps-no-text", "sgps-shuffled-text", "sgps-random-text")
_TEXT_ONLY = "sgps-text-only"


def apart(tasks: Sequence[Task]) -> list[Task]:
    """Of the novel classes only the most at once, so that a mean over tasks counts no set of classes twice."""
    widest = max((task.way for task in tasks if task.file == NOVEL), default=0)
    return [task for task in tasks if task.file != NOVEL or task.way == widest]


def mean_of(parts: Sequence[Interval | None]) -> str:
    """Mean over tasks, each weighing the same, and over how many where some are missing."""
    found = [part for part in parts if part is not None]
    if not found:
        return NOTHING
    few = f" ({len(found)} of {len(parts)})" if len(found) < len(parts) else ""
    return difference(mean_interval(found)) + few


def _episodes(tasks: Sequence[Task], methods: Sequence[str]) -> str:
    pairs = [pair for task in tasks for method in methods if (pair := task.paired(method))]
    counts = sorted({pair["episodes"] for pair in pairs})
    return f"Differences are paired, over the first {' or '.join(format(count, ',') for count in counts)} of them."


def _difference(task: Task, method: str) -> Interval | None:
    pair = task.paired(method)
    return None if pair is None else interval(pair)


def by_control(results: Results) -> str:
    """Sgps minus each control, a table for each number of shots."""
    lines: list[str] = []
    for shot in (1, 5):
        tasks = results.tasks(shots=[shot])
        names = controls(tasks)
        if not names:
            continue
        counted = apart(tasks)
        rows = [
            [
                f"`{name}`",
                *(difference(task.paired(name)) for task in tasks),
                mean_of([_difference(task, name) for task in counted]),
            ]
            for name in names
        ]
        title = f"**{shot} picture{'s' if shot > 1 else ''} a class**"
        head = ("sgps minus", *(task.title for task in tasks), f"mean of {len(counted)}")
        left_out = [task.title for task in tasks if task not in counted]
        more = f"The mean leaves out {', '.join(left_out)}." if left_out else ""
        notes = [note for note in (_episodes(tasks, names), more) if note]
        lines += [title, "", *table(head, rows), *source(tasks, *notes), ""]
    return "\n".join(lines[:-1]) or "No controls were measured."


def by_words(results: Results) -> str:
    """Sgps with its descriptions, without, with wrong ones, and with nothing else."""
    tasks = [task for task in results.tasks() if "sgps" in task.methods]
    head = ["task", "shots", "sgps", *(f"minus `{name}`" for name in _TEXT)]
    head += [f"`{_TEXT_ONLY}`", f"sgps minus `{_TEXT_ONLY}`", "chance"]
    rows = []
    for shot in dict.fromkeys(task.shot for task in tasks):
        own = [task for task in tasks if task.shot == shot]
        rows += [_words(task) for task in own]
        counted = apart(own)
        means = {
            name: mean_of([_difference(task, name) for task in counted])
            for name in (*_TEXT, _TEXT_ONLY)
        }
        title = f"mean of {len(counted)}, novel classes once"
        differences = [means[name] for name in _TEXT]
        rows.append([title, str(shot), "", *differences, "", means[_TEXT_ONLY], ""])
    return "\n".join([*table(head, rows), *source(tasks, _episodes(tasks, (*_TEXT, _TEXT_ONLY)))])


def _words(task: Task) -> list[str]:
    return [
        task.title,
        str(task.shot),
        accuracy(task.methods["sgps"]),
        *(difference(task.paired(name)) for name in _TEXT),
        accuracy(task.methods.get(_TEXT_ONLY)),
        difference(task.paired(_TEXT_ONLY)),
        f"{100 / task.way:.1f}",
    ]


def since_before(results: Results) -> str:
    """This engine minus the one before, over the episodes that both have answered."""
    names = ("previous engine", "this engine", "this minus previous")
    return _compared(results, "previous", names, [results.tasks()], is_newer=False)


def other_engine(results: Results, folder: str, names: tuple[str, str]) -> str:
    """Another engine minus the shipped one, over the same episodes.

    Args:
        results: those of the shipped engine.
        folder: where the other's lie.
        names: of the other engine, and of the difference.
    """
    unlearned = results.of_file(UNLEARNED) if results.has(UNLEARNED) else []
    groups = [results.tasks(), unlearned]
    return _compared(results, folder, ("shipped engine", *names), groups, is_newer=True)


def _compared(
    results: Results,
    folder: str,
    names: tuple[str, str, str],
    groups: Sequence[Sequence[Task]],
    is_newer: bool,
) -> str:
    """The engine whose answers lie in a folder beside the shipped one, with a mean for each group of tasks.

    Args:
        results: those of the shipped engine.
        folder: where the other's lie.
        names: of the engine that is taken away, of the one that it is taken from, and of the difference.
        groups: tasks to compare on.
        is_newer: whether the shipped engine is taken from the other, or else the other from it.
    """
    rows, shown, found = [], [], []
    for shot, tasks in product((1, 5), groups):
        steps: list[Interval] = []
        for task in (task for task in tasks if task.shot == shot):
            other = _beside(results, folder, task)
            if other is None or not (here := _answers(task)):
                continue
            pair = (here, _answers(other))[:: 1 if is_newer else -1]
            both = min(map(len, pair))
            steps.append(over_both(pair[1], pair[0]))
            cells = [f"{sum(one[:both]) / both:.1f}" for one in pair]
            rows.append([task.title, str(shot), *cells, difference(steps[-1]), format(both, ",")])
            shown.append(task)
            found.append(other)
        if len(steps) > 1:
            mean = mean_of(steps)
            rows.append([f"mean of these {len(steps)}", str(shot), "", "", mean, ""])
    if not shown:
        return "No episode was answered by both engines."
    engines = listed(digest(one.settings["engine_digest"]) for one in found)
    files = listed(f"`results/{folder}/{one.file}.json`" for one in found)
    more = f"The other engine is {engines}, from {files}: the same episodes, of which the first ones are compared."
    return "\n".join([*table(("task", "shots", *names, "episodes"), rows), *source(shown, more)])


def _answers(task: Task) -> Sequence[float]:
    """Accuracy of sgps in each episode; on unlearned sets, of sgps whose memory does not know them."""
    answers: Mapping[str, Sequence[float]] = task.block["per_episode"]
    return answers.get(UNMET if task.file == UNLEARNED else "sgps", ())


def _beside(results: Results, folder: str, task: Task) -> Task | None:
    """What another engine did on the same episodes, if it was measured on them."""
    name = f"{folder}/{task.file}"
    for one in results.of_file(name) if results.has(name) else ():
        # The i-th episode depends on the seed, the pictures and this alone, so a shorter run is a longer one's beginning.
        same_pictures = all(one.data[key] == task.data[key] for key in _SAME)
        if same_pictures and all(one.settings[key] == task.settings[key] for key in _SAME_PLAN):
            return one
    return None


_SAME = ("name", "sha256", "way", "pictures")
_SAME_PLAN = ("seed", "query", "shot", "classes")
