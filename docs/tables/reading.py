"""Read the result files of the benchmark, and find in them what tables and figures show.

In: a folder with the JSON files of `sgps benchmark --protocol`. Out: `Task`s, one for each set, number of classes and number of
shots. Files, parts, sets and methods may be missing: there are fewer tasks then, or fewer rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from sgps.evaluation.metrics import Interval, paired_difference

ROOT = Path(__file__).parent.parent.parent
NOVEL, FIVE, MODALITIES = "isic2018-novel", "isic2018-5way", "cross-modality"
FILES = (NOVEL, FIVE, MODALITIES)
WORDS, WORDS_NOVEL = "words", "words-novel"
"""Files of their own table, which measure sgps and its controls of words alone."""
TRAINED, TRAINED_NOVEL = "trained", "trained-novel"
"""Files of their own table, with methods that train on the support's pictures."""
UNLEARNED = "unlearned"
"""A file of its own table, which measures sgps as if it had not met the sets."""
UNMET = "sgps-no-own-set"
"""What sgps is measured as there."""
SHORTER = {FIVE: "five-way", MODALITIES: "modalities"}
"""Protocols of results/protocols that a file may be of, in place of the package's protocol of its own name."""
GRADIENT = ("finetune", "finetune-head", "anil", "protokd")
"""Methods that take gradient steps on the support."""
ENOUGH = 20
"""Episodes that a method must have answered to be called the best; the chance of the draw would choose it otherwise."""
# As in `sgps.evaluation.report`, which needs torch.
_PAIRED_PREFIX = "sgps-minus-"


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """What was measured on one set in one part of one file, or, under the name of a mean, on all sets of a part."""

    title: str
    """Such as `novel 3-way`; the same for every number of shots."""
    file: str
    way: int
    shot: int
    settings: Mapping[str, Any]
    data: Mapping[str, Any]
    """Of the set; empty for a mean."""
    block: Mapping[str, Any]
    """`methods`, `paired` and, but for a mean, `per_episode` and `reliability`."""

    @property
    def methods(self) -> Mapping[str, Mapping[str, Any]]:
        """Figures by method."""
        found: Mapping[str, Mapping[str, Any]] = self.block["methods"]
        return found

    def paired(self, method: str) -> Mapping[str, Any] | None:
        """Sgps minus a method, over the episodes that both have answered."""
        found: Mapping[str, Any] | None = self.block.get("paired", {}).get(_PAIRED_PREFIX + method)
        return found

    def comparable(self, chosen: Callable[[str], bool]) -> list[str]:
        """Those of the chosen methods that have answered enough episodes to be told apart."""
        enough = min(ENOUGH, self.settings["episodes"])
        return [
            name for name, own in self.methods.items() if chosen(name) and own["episodes"] >= enough
        ]

    def best(self, methods: Iterable[str]) -> str | None:
        """The method from which sgps differs least to its own favor: the best, on the episodes that it has answered."""
        found = {name: pair["accuracy"] for name in methods if (pair := self.paired(name))}
        return min(found, key=lambda name: found[name]) if found else None


@dataclass(frozen=True)
class Results:
    """A folder of result files."""

    folder: Path = ROOT / "results"
    _read: dict[str, Any] = field(default_factory=dict, repr=False)

    def has(self, *names: str) -> list[str]:
        """Those of these files that exist."""
        return [name for name in names if (self.folder / f"{name}.json").is_file()]

    def load(self, name: str) -> Any:  # noqa: ANN401
        """The content of a file."""
        if name not in self._read:
            self._read[name] = json.loads((self.folder / f"{name}.json").read_text("utf-8"))
        return self._read[name]

    def title(self, name: str) -> str:
        """What a file's protocol measures, in its own words."""
        return str(self.load(name)["protocol"]["title"])

    @cached_property
    def all_tasks(self) -> list[Task]:
        """Every task of every file, in the order of the files, sets and parts."""
        return [task for name in self.has(*FILES) for task in self.of_file(name)]

    def tasks(self, *files: str, shots: Sequence[int] = (1, 5)) -> list[Task]:
        """Those of these files (of all, where none is named) and shots, by shots and then as they stand in the files."""
        chosen = [task for task in self.all_tasks if task.file in (files or FILES)]
        return [task for shot in shots for task in chosen if task.shot == shot]

    def means(self, shots: Sequence[int] = (1, 5)) -> list[Task]:
        """Means over the sets of a part that has several, as the file has them."""
        found = []
        for name in self.has(*FILES):
            for part in self.load(name)["parts"].values():
                settings, sets = part["settings"], part.get("sets", {})
                if settings["shot"] in shots and sets:
                    title = f"mean of these {len(sets)} sets"
                    ways = [data["way"] for data in settings["data"]]
                    found.append(_task(title, name, max(ways), settings, {}, part))
        return sorted(found, key=lambda task: shots.index(task.shot))

    def of_file(self, name: str) -> list[Task]:
        """Every task of a file, in the order of its parts and sets."""
        content = self.load(name)
        name = name.rpartition("/")[2]
        own = content["protocol"]["name"]
        assert own in (name, SHORTER.get(name)), f"{name}.json is of another protocol"
        tasks = []
        for part in content["parts"].values():
            settings = part["settings"]
            for data in settings["data"]:
                block = part["sets"][data["name"]] if "sets" in part else part
                title = _title(name, data)
                tasks.append(_task(title, name, data["way"], settings, data, block))
        return sorted(tasks, key=lambda task: task.way) if name == NOVEL else tasks


def _task(
    title: str,
    file: str,
    way: int,
    settings: Mapping[str, Any],
    data: Mapping[str, Any],
    block: Mapping[str, Any],
) -> Task:
    return Task(
        title=title,
        file=file,
        way=way,
        shot=settings["shot"],
        settings=settings,
        data=data,
        block=block,
    )


def _title(file: str, data: Mapping[str, Any]) -> str:
    if file in (NOVEL, TRAINED_NOVEL):
        return f"novel {data['way']}-way"
    if file == FIVE:
        return f"{data['way']} of {len(data['pictures'])} skin diseases"
    return f"{data['name']} {data['way']}-way"


def is_peer(method: str) -> bool:
    """Whether it is a comparison method: neither sgps, nor a control of it, nor chance."""
    return method != "chance" and not is_sgps(method)


def is_sgps(method: str) -> bool:
    """Whether it is sgps or a control."""
    return method == "sgps" or method.startswith("sgps-")


def controls(tasks: Iterable[Task]) -> list[str]:
    """Controls that any of the tasks has, in the order of the files."""
    return [name for name in methods_of(tasks) if is_sgps(name) and name != "sgps"]


def methods_of(tasks: Iterable[Task]) -> list[str]:
    """Methods that any of the tasks has: sgps, peers by what they run on, controls, chance."""
    names = dict.fromkeys(name for task in tasks for name in task.methods)
    return sorted(names, key=_rank)


_SOURCES = ("", "lite0", "lite2", "base", "engine")


def _rank(method: str) -> tuple[int, int]:
    if not is_peer(method):
        return (0 if method == "sgps" else 3 if method == "chance" else 2), 0
    head, _, source = method.partition("@")
    place = _SOURCES.index(source) if source in _SOURCES else len(_SOURCES)
    return 1, 2 * place + (head in GRADIENT)


def on_peer_network(method: str) -> bool:
    """Whether it is a peer on the ImageNet network of the target's own architecture, V2-B0."""
    return is_peer(method) and "@" not in method


def interval(figures: Mapping[str, Any]) -> Interval:
    """The accuracy or difference with its interval; `nan` where there is none."""
    values = (figures["accuracy"], figures["ci95"])
    return Interval(*(float("nan") if value is None else value for value in values))


def over_both(first: Sequence[float], second: Sequence[float]) -> Interval:
    """`first` minus `second` over the first episodes, which both have answered."""
    both = min(len(first), len(second))
    return paired_difference(first[:both], second[:both])
