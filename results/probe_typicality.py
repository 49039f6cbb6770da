"""Ask how well a synthesized classifier tells pictures like its support's from others.

    python results/probe_typicality.py --data ../shared/data --out results/typicality-probe.json

On every dev task classifiers are synthesized as for a user, and asked about queries, about pictures of the set's other classes
(near) and about pictures of the other sets (far). Typicality and the classifier's confidence rank the same pictures. At the
threshold below which `sgps predict` warns, queries named are false alarms.

Shapes: Q queries, B pictures, N classes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ablation_tasks import QUERIES, SEED, SHOTS, Pool, episodes_of, read_pools, support_of
from dev_tasks import TASKS, Task
from sklearn.metrics import roc_auc_score
from torch import Tensor

from sgps.engine.engine import Engine
from sgps.evaluation.episodes import Episode, digest_of, episodes_digest
from sgps.evaluation.metrics import Interval, mean_ci95, mean_interval
from sgps.evaluation.provenance import provenance
from sgps.target.checkpoint import TargetNetwork
from sgps.target.typicality import ATYPICAL

MOST = 60
"""Pictures of a class that episodes are drawn from."""
OTHERS = 40
"""Pictures of other classes, and of each other set, in an episode."""
Figures = dict[str, float]


def near_rows(episode: Episode, pool: Pool, draw: np.random.Generator) -> list[int]:
    """Some pictures of classes that the episode lacks, of groups that its support lacks."""
    groups = {pool.pictures[row].group for row in episode.support}
    rows = [
        row
        for row, own in enumerate(pool.pictures)
        if own.label not in episode.classes and own.group not in groups
    ]
    return [int(row) for row in draw.permutation(rows)[:OTHERS]]


def figures(network: TargetNetwork, parts: Mapping[str, Tensor]) -> Figures:
    """Areas under the curve and shares of alarms, in percent, for pictures (B, 3, S, S) by the kind that they are of."""
    typicality = network.typicality
    assert typicality is not None
    names = [kind for kind, images in parts.items() if len(images)]
    features = network.features(torch.cat([parts[kind] for kind in names]))
    sizes = [len(parts[kind]) for kind in names]
    strange = typicality.strangeness(features).split(sizes)
    unsure = (-network.probabilities_of(features).amax(1)).split(sizes)
    alarms = (typicality.of(features) < ATYPICAL).split(sizes)
    found = {
        f"{kind} named": 100 * float(own.double().mean())
        for kind, own in zip(names, alarms, strict=True)
    }
    for score, values in (("typicality", strange), ("confidence", unsure)):
        queries, *others = values
        for kind, own in zip(names[1:], others, strict=True):
            truth = [0] * len(queries) + [1] * len(own)
            found[f"{kind} {score}"] = 100 * float(roc_auc_score(truth, torch.cat([queries, own])))
    return found


def measure(
    task: Task,
    shot: int,
    engine: Engine,
    pools: Mapping[str, Pool],
    images: Mapping[str, Tensor],
    count: int,
) -> tuple[list[Figures], str]:
    """The figures of each episode of a task, and the episodes' digest."""
    pool = pools[task.data]
    episodes = episodes_of(task, pool, shot, count)
    draw = np.random.default_rng(SEED)
    found = []
    for episode in episodes:
        own = images[task.data]
        far = [
            other[torch.from_numpy(draw.permutation(len(other))[:OTHERS])]
            for name, other in images.items()
            if name != task.data
        ]
        parts = {
            "queries": own[list(episode.query)],
            "near": own[near_rows(episode, pool, draw)],
            "far": torch.cat(far),
        }
        support = support_of(episode, pool, own[list(episode.support)])
        found.append(figures(engine.synthesize(support), parts))
    return found, episodes_digest(episodes)


def summary(found: Sequence[Figures]) -> dict[str, Interval]:
    """Mean and half the 95 % interval of every figure that the episodes have."""
    return {name: mean_ci95([own[name] for own in found]) for name in found[0]}


def main() -> None:
    """Measure every task and write one JSON file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the dev sets' zips")
    parser.add_argument("--engine", default="default", help="engine: its name or folder")
    parser.add_argument("--episodes", type=int, default=24, help="of each task and shots")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    given = parser.parse_args()
    engine = Engine.from_pretrained(given.engine, "cpu")
    pools = read_pools(given.data, MOST)
    images = {name: pool.images(engine.config.image_size) for name, pool in pools.items()}
    rows: list[dict[str, Any]] = []
    digests = []
    for shot in SHOTS:
        summaries = []
        for task in TASKS:
            found, digest = measure(task, shot, engine, pools, images, given.episodes)
            summaries.append(summary(found))
            digests.append(digest)
            rows.append({"task": task.title, "shots": shot, **told(summaries[-1])})
        names = dict.fromkeys(name for own in summaries for name in own)
        mean = {n: mean_interval([own[n] for own in summaries if n in own]) for n in names}
        rows.append({"task": "mean", "shots": shot, **told(mean)})
    content = {
        "settings": {
            "engine": engine.config.name,
            "engine_digest": engine.digest,
            "image_size": engine.config.image_size,
            "seed": SEED,
            "query": QUERIES,
            "most_pictures_a_class": MOST,
            "others": OTHERS,
            "episodes": given.episodes,
            "atypical": ATYPICAL,
            "data_sha256": {name: pool.sha256 for name, pool in pools.items()},
            "episodes_sha256": digest_of(digests),
        },
        "rows": rows,
        **provenance(),
    }
    given.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def told(found: Mapping[str, Interval]) -> dict[str, list[float]]:
    """As it is published."""
    return {name: [round(own.mean, 2), round(own.half_width, 2)] for name, own in found.items()}


if __name__ == "__main__":
    main()
