"""What descriptions give: right, wrong, partial and reworded ones, each minus none, by pictures a class."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, stdev

from sgps.evaluation.metrics import Interval, mean_interval
from tables.cells import difference, source, table
from tables.reading import WORDS, WORDS_NOVEL, Results, Task, over_both

_NONE = "sgps-no-text"
_PARAPHRASES = ("sgps-expert-text", "sgps-plain-text", "sgps-terse-text")
_ROWS = (
    *("sgps", "sgps-shuffled-text", "sgps-random-text", "sgps-name-only", "sgps-attributes-only"),
    *_PARAPHRASES,
)


def by_pictures(results: Results) -> str:
    """A row for each kind of words; columns are numbers of pictures, of all tasks together and of the novel classes."""
    tasks = [task for name in results.has(WORDS_NOVEL, WORDS) for task in results.of_file(name)]
    shots = sorted({task.shot for task in tasks})
    groups = [[task for task in tasks if task.shot == shot] for shot in shots]
    novel = [[task for task in own if task.file == WORDS_NOVEL] for own in groups]
    shown = [*groups, *filter(None, novel)]
    head = [f"{_shots(own)}, mean of {len(own)}" for own in groups]
    head += [f"{_shots(own)}, novel" for own in novel if own]
    measured = [name for name in _ROWS if all(name in task.methods for task in tasks)]
    rows = [
        [f"`{_NONE}`, accuracy", *(_accuracy(own, _NONE) for own in shown)],
        *([f"`{name}` minus it", *(_gain(own, name) for own in shown)] for name in measured),
    ]
    if set(_PARAPHRASES) <= set(measured):
        rows.append(["spread over expert, plain, terse", *map(_spread, shown)])
    more = (
        "With 0 shots there is no picture, and `sgps-no-text` is chance. Differences are paired. The spread is the standard "
        "deviation of the three accuracies."
    )
    return "\n".join([*table(("words", *head), rows), *source(tasks, more)])


def _shots(tasks: Sequence[Task]) -> str:
    return f"{tasks[0].shot} shot{'' if tasks[0].shot == 1 else 's'}"


def _accuracy(tasks: Sequence[Task], method: str) -> str:
    return f"{mean(task.methods[method]['accuracy'] for task in tasks):.1f}"


def _gain(tasks: Sequence[Task], method: str) -> str:
    return difference(mean_interval([_paired(task, method) for task in tasks]))


def _paired(task: Task, method: str) -> Interval:
    own, none = (task.block["per_episode"][name] for name in (method, _NONE))
    return over_both(own, none)


def _spread(tasks: Sequence[Task]) -> str:
    found = [mean(task.methods[name]["accuracy"] for task in tasks) for name in _PARAPHRASES]
    return f"{stdev(found):.1f}"
