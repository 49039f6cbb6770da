"""Do age, sex and site help? `python results/probe_metadata.py --data ../shared/data --out results/metadata-probe.json`.

Pictures of HAM10000 as base features of the engine, classified by the engine's head without words, with age, sex and site of
the patients beside them, in three ways:

- of the support only: its tokens become one correction a class, a shift of the class's support features;
- of the query, too, by counting: likelihood of its age, sex and site in each class, estimated from the support and smoothed
  towards the base classes together (naive Bayes), added to the scores;
- of the query, too, by learning: its tokens are compared with the class's.

What is learned sees base classes (bcc, bkl, mel, nv) only, of lesions that no episode holds. Two networks of about the same
size do so: one without attention, in which tokens are mixed axis by axis, after Kumar et al., "SANSformers" (arXiv
2108.13672; here without order, since pictures of a support have none), and one with attention. Control: the same with the
metadata dealt out among the pictures at random.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from metadata_bench import (
    BATCH,
    DECAY,
    RATE,
    Answer,
    Bench,
    Counting,
    best_smoothing,
    learn,
    matched,
    scored,
)
from metadata_condition import (
    AGE_SPREAD,
    ALIKE,
    ALIKE_RECORDED,
    MIXERS,
    WIDTH,
    Correction,
    Match,
    read_values,
)
from numpy.typing import NDArray
from torch import Tensor, nn

from sgps.datasets.catalogue import image_set, refuse_dev, role_of
from sgps.engine.engine import Engine
from sgps.evaluation.episodes import Episode, episodes_digest, sample_episodes
from sgps.evaluation.metrics import Interval, mean_ci95, paired_difference
from sgps.evaluation.provenance import provenance
from sgps.labelled import LabelledImage
from sgps.manifests import read_labelled
from sgps.pretraining.pool import LabelSource, Pool

SET, SEED, SEEDS = "ham10000", 29, (0, 1, 2)
MOST, MOST_RESERVED = 250, 100
"""Pictures of a class, and how many of these may be of reserved lesions, which only episodes of the evaluation hold."""
WAYS, SHOTS, TASKS, TASK_QUERIES = (2, 3, 4), (1, 2, 3, 5), 120, 8
"""Of the tasks to learn from; there are `TASKS` for each number of classes and of pictures a class."""
QUERIES, ASKED_SHOTS = 15, (1, 5)
LESS_SMOOTHING = 4.0
"""Not chosen on anything: the base classes, on which it is chosen otherwise, differ little in age, sex and site."""
REFERENCE = "pictures only"


def chosen(items: Sequence[LabelledImage]) -> tuple[list[LabelledImage], list[bool]]:
    """A seeded choice of each class, and for each picture whether it is one to learn from."""
    base = [index for index, item in enumerate(items) if role_of(SET, item.label) == "train"]
    source = LabelSource(
        name=SET,
        family=image_set(SET).family,
        indices=torch.tensor(base),
        labels=torch.zeros(len(base), dtype=torch.int64),
        class_names=("base",),
    )
    groups = tuple(f"{SET}/{item.group}" for item in items)
    split = Pool(images=torch.zeros(0), groups=groups, sources=(source,)).split()
    learned = {int(i) for i in split[0][0].indices}
    rng = np.random.default_rng(SEED)
    kept: list[LabelledImage] = []
    learns: list[bool] = []
    for name in sorted({item.label for item in items}):
        own = [i for i in rng.permutation(len(items)).tolist() if items[i].label == name]
        to_ask = [i for i in own if i not in learned]
        to_ask = to_ask[: MOST_RESERVED if len(to_ask) < len(own) else MOST]
        to_learn = [i for i in own if i in learned][: MOST - len(to_ask)]
        kept += [items[i] for i in to_ask + to_learn]
        learns += [False] * len(to_ask) + [True] * len(to_learn)
    refuse_dev(SET, {item.label for item, own in zip(kept, learns, strict=True) if own})
    return kept, learns


def draw(
    items: Sequence[LabelledImage],
    among: Sequence[int],
    way: int,
    shot: int,
    query: int,
    count: int,
) -> list[Episode]:
    """Episodes of the pictures `among`, with places among all pictures."""
    episodes = sample_episodes(
        [items[i].label for i in among],
        [items[i].group for i in among],
        n_way=way,
        n_shot=shot,
        n_query=query,
        n_episodes=count,
        seed=SEED,
    )
    return [
        Episode(
            support=tuple(among[i] for i in one.support),
            query=tuple(among[i] for i in one.query),
            classes=one.classes,
        )
        for one in episodes
    ]


def _told(interval: Interval, digits: int) -> list[float]:
    return [round(interval.mean, digits), round(interval.half_width, digits)]


def figures(runs: Sequence[NDArray[np.float64]], reference: NDArray[np.float64]) -> dict[str, Any]:
    """What is published of a row on one kind of episode: of several seeds each episode's mean counts."""
    mean = np.mean(runs, axis=0)
    found: dict[str, Any] = {
        "accuracy": _told(mean_ci95(mean[:, 0]), 2),
        "minus_reference": _told(paired_difference(mean[:, 0], reference[:, 0]), 2),
        "nll": _told(mean_ci95(mean[:, 1]), 4),
        "nll_minus_reference": _told(paired_difference(mean[:, 1], reference[:, 1]), 4),
    }
    if len(runs) > 1:
        found["seeds"] = [round(float(run[:, 0].mean()), 2) for run in runs]
    return found


def milliseconds(act: Callable[[], object]) -> float:
    """Median processor time of an act."""
    times = []
    for _ in range(200):
        began = time.process_time()
        act()
        times.append(time.process_time() - began)
    return round(1000 * median(times), 3)


def numbers_in(module: nn.Module) -> int:
    """How many numbers are learned."""
    return sum(parameter.numel() for parameter in module.parameters())


def shuffled(values: Tensor, learns: Sequence[bool]) -> Tensor:
    """The metadata dealt out anew, among the pictures to learn from and among the others."""
    rng, dealt = np.random.default_rng(SEED), values.clone()
    for side in (True, False):
        own = torch.tensor([i for i, one in enumerate(learns) if one is side])
        dealt[own] = values[own[torch.from_numpy(rng.permutation(len(own)))]]
    return dealt


def main() -> None:
    """Compute features, learn, ask and write one JSON file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of ham10000.zip")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--engine", default="default", help="engine: its name or folder")
    parser.add_argument("--episodes", type=int, default=300, help="of each kind")
    given = parser.parse_args()
    began = time.process_time()

    def say(what: str) -> None:
        sys.stderr.write(f"{time.process_time() - began:.0f} s {what}\n")

    items, learns = chosen(read_labelled(given.data / f"{SET}.zip"))
    with (given.data / f"{SET}_metadata.csv").open(newline="", encoding="utf-8") as stream:
        table = {row["image_id"]: row for row in csv.DictReader(stream)}
    rows = [table[Path(item.name).stem] for item in items]
    values, recorded = read_values(rows), read_values(rows, areas=False)
    engine = Engine.from_pretrained(given.engine, "cpu")
    engine.network.requires_grad_(False)
    pictures = torch.stack([item.read(engine.config.image_size) for item in items])
    bench = Bench(engine, engine.base_features(pictures), items)
    say(f"features of {len(items)} pictures")

    to_learn = [i for i, own in enumerate(learns) if own]
    to_ask = [i for i, own in enumerate(learns) if not own]
    novel = [i for i in to_ask if role_of(SET, items[i].label) == "dev"]
    base = [i for i in to_ask if i not in set(novel)]
    lessons = [
        bench.task(one)
        for way in WAYS
        for shot in SHOTS
        for one in draw(items, to_learn, way, shot, TASK_QUERIES, TASKS)
    ]
    episodes = {
        f"{name}, {shot}-shot": draw(items, among, way, shot, QUERIES, given.episodes)
        for name, among, way in (
            ("novel 3-way", novel, 3),
            ("5 of 7", to_ask, 5),
            ("base 4-way", base, 4),
        )
        for shot in ASKED_SHOTS
    }
    asked = {name: [bench.task(one) for one in own] for name, own in episodes.items()}
    say(f"{len(lessons)} tasks to learn from")

    smoothing = best_smoothing(values, learns, ALIKE, lessons)
    smoothing_recorded = best_smoothing(recorded, learns, ALIKE_RECORDED, lessons)
    dealt = shuffled(values, learns)
    counting = Counting(values, learns, ALIKE, smoothing)
    counting_recorded = Counting(recorded, learns, ALIKE_RECORDED, smoothing_recorded)
    found: dict[str, list[tuple[Answer, Tensor]]] = {
        REFERENCE: [(lambda task, _: task.scores, values)],
        "query, counted": [(counting.beside, values)],
        "query, counted, dealt at random": [(counting.beside, dealt)],
        f"query, counted, smoothing {LESS_SMOOTHING:g}": [
            (Counting(values, learns, ALIKE, LESS_SMOOTHING).beside, values)
        ],
        "query, counted, sites as recorded": [(counting_recorded.beside, recorded)],
        "query, counted, no pictures": [(counting.alone, values)],
        "query, counted, distributions known": [
            (partial(counting.known, bench, torch.tensor(to_ask)), values)
        ],
    }
    sizes: dict[str, Any] = {}
    for mixer in MIXERS:
        for seed in SEEDS:
            for true in (True, False):
                own = values if true else dealt
                torch.manual_seed(seed)
                correction = Correction(mixer, bench.head)
                answer = partial(bench.corrected, correction)
                learn(correction, answer, lessons, own)
                torch.manual_seed(seed)
                match = Match(mixer)
                compare = partial(matched, match)
                learn(match, compare, lessons, own)
                for kind, one in (("support", answer), ("query", compare)):
                    name = f"{kind}, {mixer}"
                    if true:
                        found.setdefault(name, []).append((one, values))
                        found.setdefault(f"{name}, dealt at random at use", []).append((one, dealt))
                    else:
                        found.setdefault(f"{name}, dealt at random", []).append((one, dealt))
                say(f"learned: {mixer}, seed {seed}, {'true' if true else 'random'} metadata")
        five = asked["5 of 7, 5-shot"][0]
        own = values[five.support]
        with torch.no_grad():
            sizes[mixer] = {
                "parameters_of_mixer": numbers_in(correction.mixer),
                "parameters_with_support": numbers_in(correction),
                "parameters_with_query": numbers_in(match),
                "ms_per_task": milliseconds(partial(correction, own, five.ways)),
            }
    with torch.no_grad():
        sizes["head"] = {
            "ms_per_task": milliseconds(partial(bench.task, episodes["5 of 7, 5-shot"][0]))
        }

    told: dict[str, dict[str, Any]] = {name: {} for name in found}
    for setting, tasks in asked.items():
        reference = scored(found[REFERENCE][0][0], tasks, values)
        for name, runs in found.items():
            results = [scored(answer, tasks, own) for answer, own in runs]
            told[name][setting] = figures(results, reference)
        say(f"asked: {setting}")
    result = {
        "probe": "age, sex and site beside pictures of HAM10000, engine's head on base features, no words",
        **provenance(),
        "settings": {
            "engine": engine.config.name,
            "engine_digest": engine.digest,
            "image_size": engine.config.image_size,
            "episodes": given.episodes,
            "queries": QUERIES,
            "seed": SEED,
            "seeds_of_networks": list(SEEDS),
            "tasks_to_learn_from": len(lessons),
            "learning": {
                "rate": RATE,
                "weight_decay": DECAY,
                "tasks_a_step": BATCH,
                "width": WIDTH,
            },
            "age_spread_years": 5 * AGE_SPREAD,
            "smoothing": smoothing,
            "smoothing_sites_as_recorded": smoothing_recorded,
        },
        "pictures": {
            name: {
                side: sum(
                    i.label == name and own is flag for i, own in zip(items, learns, strict=True)
                )
                for side, flag in (("to_learn", True), ("to_ask", False))
            }
            for name in sorted({item.label for item in items})
        },
        "episodes_sha256": {name: episodes_digest(own) for name, own in episodes.items()},
        "networks": sizes,
        "reference": REFERENCE,
        "rows": told,
        "cpu_seconds": round(time.process_time() - began),
    }
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
