"""The numbers that figures are drawn from, each a function from `Results` to what JSON can hold; empty without its results.

Figures name sgps, the best peer on the ImageNet network of the target's own architecture, and the best peer of all, where these
differ; all other methods stand around them without a name. The best is the one from which sgps differs least.
"""

from __future__ import annotations

import hashlib
import json
import statistics
from collections.abc import Sequence
from typing import Any

from tables.reading import GRADIENT, NOVEL, Results, Task, is_peer, methods_of, on_peer_network

Numbers = dict[str, Any]
ON_IMAGENET, ON_ENGINE, STEPS = "head on ImageNet", "head on the engine", "gradient steps"


def digest(numbers: Numbers) -> str:
    """SHA-256 of the numbers."""
    return hashlib.sha256(json.dumps(numbers, sort_keys=True).encode()).hexdigest()


def _tasks(results: Results, shots: Sequence[int] | None = None) -> list[Task]:
    """The novel classes, all at once, by shots; of these shots only, where they are given."""
    known = [task for task in results.all_tasks if task.file == NOVEL and "sgps" in task.methods]
    widest = max((task.way for task in known), default=0)
    tasks = [task for task in known if task.way == widest and task.shot in (shots or (task.shot,))]
    return sorted(tasks, key=lambda task: task.shot)


def _best(tasks: Sequence[Task]) -> dict[str, str]:
    """The best peers over these tasks by what they are the best of."""
    found: dict[str, str] = {}
    for title, chosen in (("best on ImageNet V2-B0", on_peer_network), ("best peer", is_peer)):
        means = {}
        for name in filter(chosen, methods_of(tasks)):
            pairs = [pair["accuracy"] for task in tasks if (pair := task.paired(name))]
            if len(pairs) == len(tasks):
                means[name] = statistics.fmean(pairs)
        best = min(means, key=lambda name: means[name]) if means else None
        if best and best not in found.values():
            found[title] = best
    return found


def shots(results: Results) -> Numbers:
    """Accuracy of sgps and of every peer that was measured at every number of shots."""
    tasks = _tasks(results)
    if not tasks:
        return {}
    names = [name for name in methods_of(tasks) if name == "sgps" or is_peer(name)]
    return {
        "shots": [task.shot for task in tasks],
        "chance": 100 / tasks[0].way,
        "best": _best(tasks),
        "methods": {
            name: {key: [task.methods[name][key] for task in tasks] for key in ("accuracy", "ci95")}
            for name in names
            if all(name in task.methods for task in tasks)
        },
    }


def reliability(results: Results) -> Numbers:
    """How often sgps and the best peers are right by how sure they are, at one shot and at five."""
    tasks = [task for task in _tasks(results, (1, 5)) if "reliability" in task.block]
    if not tasks:
        return {}
    best = _best(tasks)
    return {
        "best": best,
        "panels": [
            {
                "shot": task.shot,
                "ece": {name: task.methods[name]["ece"] for name in ("sgps", *best.values())},
                "bins": {
                    name: task.block["reliability"][name] for name in ("sgps", *best.values())
                },
            }
            for task in tasks
        ],
    }


def costs(results: Results) -> Numbers:
    """Seconds to a classifier and accuracy of sgps and every peer, at one shot and at five."""
    tasks = _tasks(results, (1, 5))
    if not tasks:
        return {}
    return {
        "panels": [
            {
                "shot": task.shot,
                "points": {
                    name: {
                        "kind": _kind(name),
                        "seconds": task.methods[name]["seconds_to_classifier"],
                        "accuracy": task.methods[name]["accuracy"],
                        "ci95": task.methods[name]["ci95"],
                    }
                    for name in methods_of([task])
                    if name == "sgps" or is_peer(name)
                },
            }
            for task in tasks
        ],
    }


def _kind(method: str) -> str:
    head, _, source = method.partition("@")
    if method == "sgps":
        return method
    if head in GRADIENT:
        return STEPS
    return ON_ENGINE if source in {"base", "engine"} else ON_IMAGENET


def codes(results: Results) -> Numbers:
    """What the generator decides for each task, stage by stage: coefficients of the experts and sizes of the channel scales."""
    if not results.has("codes"):
        return {}
    found = results.load("codes")
    tasks = found["tasks"]
    experts = list(dict.fromkeys(name for own in tasks.values() for name in own["experts"]))
    return {
        "stages": found["stages"],
        "tasks": list(tasks),
        "experts": {name: [own["experts"][name] for own in tasks.values()] for name in experts},
        "scales": [own["scales"] for own in tasks.values()],
        "scales_apart": [own["scales_apart"] for own in tasks.values()],
    }
