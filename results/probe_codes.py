"""Do synthesized weights depend on the task? `python results/probe_codes.py --data ../shared/data --out results/codes.json`.

For eight tasks that no engine has learned as they are, the first episodes of the benchmark are drawn, and the engine reads
their supports, with the catalogue's descriptions, and writes all weights. Kept of each task are the coefficients of the
experts and the size of the channel scales, stage by stage, and what of these scales is not the same for all tasks; of each
tensor how far it lies from the base, and its variance between tasks and between episodes of one task, and between tasks once
more without the experts. Classifiers are compared among the tasks of the commonest number of classes, since the others' have
another shape.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from dev_tasks import TASKS, Task
from torch import Tensor

from sgps.engine.engine import Engine
from sgps.evaluation.dependence import TaskWeights, variances
from sgps.evaluation.episodes import Episode
from sgps.evaluation.plans import EpisodePlan, draw_parts
from sgps.evaluation.provenance import provenance
from sgps.evaluation.sets import BenchmarkSet, read_benchmark_set
from sgps.task import SupportSet

SHOT, QUERY, SEED = 5, 15, 0
"""As in the protocols; queries are drawn, so that the supports are those of the benchmark, and never looked at."""
HEAD = ("classifier.weight", "classifier.bias")


@dataclass
class Read:
    """What the engine makes of the episodes of one task: L tensors, K experts."""

    familiarity: list[Tensor] = field(default_factory=list)
    """Of each episode (K,)."""
    experts: list[Tensor] = field(default_factory=list)
    """Coefficients of the experts, of each episode (L, K)."""
    scales: list[Tensor] = field(default_factory=list)
    """Mean squared change of the channels, of each episode (L,)."""
    gains: TaskWeights = field(default_factory=TaskWeights)
    """What channels are multiplied by."""
    backbone: TaskWeights = field(default_factory=TaskWeights)
    plain: TaskWeights = field(default_factory=TaskWeights)
    """The backbone without its steps towards experts."""
    head: TaskWeights = field(default_factory=TaskWeights)
    moved: dict[str, float] = field(default_factory=dict)
    """Mean square of each tensor's difference from the base, added up over episodes."""


def main() -> None:
    """Read every task and write one JSON file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the sets' zip files")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--engine", default="default", help="engine: its name or folder")
    parser.add_argument("--tasks", type=int, default=12, help="episodes to draw of each task")
    given = parser.parse_args()
    if given.tasks < 2:
        parser.error("--tasks must be at least 2, since one episode has no variance.")

    engine = Engine.from_pretrained(given.engine, "cpu")
    sets = {name: read_benchmark_set(given.data / f"{name}.zip") for name in _set_names()}
    found = {}
    for task in TASKS:
        sys.stderr.write(f"{task.title}\n")
        found[task.title] = _read(engine, _supports(sets[task.data], task, given.tasks, engine))
    result = {
        "settings": {
            "episodes": given.tasks,
            "shot": SHOT,
            "seed": SEED,
            "image_size": engine.config.image_size,
            "engine": engine.config.name,
            "engine_digest": engine.digest,
            "sets": {name: one.sha256 for name, one in sets.items()},
        },
        "stages": _stages(engine),
        "tasks": {title: _codes(engine, own, list(found.values())) for title, own in found.items()},
        "tensors": _tensors(engine, list(found.values())),
        "classifier": _classifier(found),
        **provenance(),
    }
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def _set_names() -> list[str]:
    return list(dict.fromkeys(task.data for task in TASKS))


def _supports(one: BenchmarkSet, task: Task, count: int, engine: Engine) -> Iterator[SupportSet]:
    """The supports of the benchmark's first episodes."""
    plan = EpisodePlan(
        way=task.way, shot=SHOT, query=QUERY, episodes=count, seed=SEED, classes=task.classes
    )
    episodes: Sequence[Episode] = draw_parts([one], {"": plan})[""][0]
    for episode in episodes:
        pictures = [one.pictures[index] for index in episode.support]
        labels = [episode.classes.index(picture.label) for picture in pictures]
        yield SupportSet(
            images=torch.stack([p.read(engine.config.image_size) for p in pictures]),
            labels=torch.tensor(labels, dtype=torch.int64),
            class_names=episode.classes,
            descriptions=tuple(tuple(one.descriptions.get(c, ())) for c in episode.classes),
        )


@torch.no_grad()
def _read(engine: Engine, supports: Iterator[SupportSet]) -> Read:
    """Synthesize for every support, and keep what is told of it."""
    network, found = engine.network, Read()
    base = network.generator.base_weights()
    for support in supports:
        tensors = engine.task_tensors(support)
        codes, recall = network.read(tensors)
        backbone = network.generator.compose(codes)
        features = network.task_features(backbone, tensors)
        weights = network.add_head(backbone, features, tensors, recall)
        gains = dict(zip(base, network.generator.gains(codes), strict=True))
        found.familiarity.append(recall.familiarity)
        found.experts.append(codes.experts)
        found.scales.append(torch.stack([(gain - 1).square().mean() for gain in gains.values()]))
        found.gains.add(gains)
        found.backbone.add({name: weights[name] for name in base})
        found.plain.add(network.generator.compose(codes.without(("experts",))))
        found.head.add({name: weights[name] for name in HEAD})
        for name, start in base.items():
            moved = float((weights[name] - start).square().mean())
            found.moved[name] = found.moved.get(name, 0.0) + moved
    return found


def _stages(engine: Engine) -> list[str]:
    """Names of the stages of the backbone, by their number."""
    between = [f"stage {number}" for number in range(1, 1 + engine.network.architecture.num_stages)]
    return ["stem", *between, "last convolution"]


def _codes(engine: Engine, own: Read, tasks: Sequence[Read]) -> dict[str, Any]:
    """Means over episodes and over the tensors of each stage; of the channel scales the root mean square."""
    names = engine.config.experts
    stage_of = torch.tensor([spec.stage for spec in engine.network.generator.specs])
    stages = range(len(_stages(engine)))
    experts, scales = torch.stack(own.experts), torch.stack(own.scales)
    by_stage = [experts[:, stage_of == stage].mean((0, 1)) for stage in stages]
    familiarity = torch.stack(own.familiarity).mean(0)
    middle = {n: torch.stack([o.gains.means[n] for o in tasks]).mean(0) for n in own.gains.means}
    apart = torch.stack([(own.gains.means[n] - m).square().mean() for n, m in middle.items()])
    return {
        "familiarity": {name: _short(familiarity[k]) for k, name in enumerate(names)},
        "experts": {name: [_short(row[k]) for row in by_stage] for k, name in enumerate(names)},
        "scales": [_short(scales[:, stage_of == stage].mean(1).sqrt().mean()) for stage in stages],
        "scales_apart": [_short(apart[stage_of == stage].mean().sqrt()) for stage in stages],
    }


def _tensors(engine: Engine, tasks: Sequence[Read]) -> list[dict[str, Any]]:
    """Of every tensor of the backbone its place, its relative change from the base, and its variances."""
    found = variances([task.backbone for task in tasks])
    plain = variances([task.plain for task in tasks])
    base = engine.network.generator.base_weights()
    episodes = sum(task.backbone.episodes for task in tasks)
    rows = []
    for spec in engine.network.generator.specs:
        moved = sum(task.moved[spec.name] for task in tasks) / episodes
        size = float(base[spec.name].square().mean()) or 1.0
        rows.append(
            {
                "name": spec.name,
                "stage": spec.stage,
                "kind": spec.kind,
                "change": _short((moved / size) ** 0.5),
                **{key: _short(value) for key, value in asdict(found[spec.name]).items()},
                "between_without_experts": _short(plain[spec.name].between),
            }
        )
    return rows


def _classifier(found: Mapping[str, Read]) -> dict[str, Any]:
    """Variances of the classifier's tensors among the tasks of the commonest number of classes."""
    way = statistics.mode(task.way for task in TASKS)
    titles = [task.title for task in TASKS if task.way == way]
    parts = variances([found[title].head for title in titles])
    rows = [
        {"name": name} | {key: _short(value) for key, value in asdict(part).items()}
        for name, part in parts.items()
    ]
    return {"way": way, "tasks": titles, "tensors": rows}


def _short(value: float | Tensor) -> float:
    return float(f"{float(value):.5g}")


if __name__ == "__main__":
    main()
