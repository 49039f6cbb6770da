"""The tasks of `ablations.py`: small pools of the dev sets, the episodes drawn from them, and what the engine recalls of each.

Shapes: P pictures of a pool, n support pictures, Q queries, N classes, F features, S side of a picture in pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from dev_tasks import TASKS, Task
from torch import Tensor

from sgps.engine.class_memory import Recall
from sgps.engine.encoders import ImageDescription
from sgps.engine.engine import Engine
from sgps.engine.model import TaskTensors
from sgps.evaluation.episodes import Episode, digest_of, episodes_digest, sample_episodes
from sgps.evaluation.sets import read_benchmark_set
from sgps.labelled import LabelledImage
from sgps.task import SupportSet

SEED, QUERIES, SHOTS = 11, 15, (1, 5)


@dataclass(frozen=True, kw_only=True, eq=False)
class Pool:
    """Some pictures of a set."""

    pictures: tuple[LabelledImage, ...]
    descriptions: Mapping[str, Sequence[str]]
    """The catalogue's, as the benchmark gives them."""
    sha256: str
    """Of the set's file."""

    def images(self, side: int) -> Tensor:
        """The pictures, uint8 (P, 3, S, S)."""
        return torch.stack([picture.read(side) for picture in self.pictures])


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """One episode as the engine meets it; pictures are rows of the pool."""

    support: Tensor
    """int64 (n,)."""
    support_labels: Tensor
    """int64 (n,), places in `classes`."""
    query: Tensor
    """int64 (Q,)."""
    query_labels: Tensor
    """int64 (Q,)."""
    classes: tuple[str, ...]
    texts: tuple[tuple[str, ...], ...]
    """For each class its descriptions."""
    recall: Recall
    """What memory and lexicon say, asked with base features of the support."""
    without: Mapping[str, Recall]
    """What an engine recalls without `memory`, without `lexicon`, and without `words`, that is, without both."""

    def support_set(self, images: Tensor) -> SupportSet:
        """What an engine synthesizes from; `images` are the pool's (P, 3, S, S)."""
        return SupportSet(
            images=images[self.support],
            labels=self.support_labels,
            class_names=self.classes,
            descriptions=self.texts,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn:
    """A task with its episodes."""

    task: Task
    problems: Mapping[int, Sequence[Problem]]
    """By the number of shots."""
    digests: Mapping[int, str]
    """Of the episodes."""

    def first(self, count: int) -> Drawn:
        """The same with its first `count` episodes."""
        return replace(self, problems={shot: own[:count] for shot, own in self.problems.items()})


def read_pools(folder: Path, most: int) -> dict[str, Pool]:
    """The pool of every set that a task names, of few pictures a class, since features of all are computed many times."""
    pools = {}
    for name in dict.fromkeys(task.data for task in TASKS):
        one = read_benchmark_set(folder / f"{name}.zip")
        pools[name] = Pool(
            pictures=limited(one.pictures, most, SEED),
            descriptions=one.descriptions,
            sha256=one.sha256,
        )
    return pools


def limited(pictures: Sequence[LabelledImage], most: int, seed: int) -> tuple[LabelledImage, ...]:
    """At most so many pictures of each class, drawn by `seed`, in their order."""
    draw = np.random.default_rng(seed)
    kept: list[int] = []
    for label in sorted({picture.label for picture in pictures}):
        own = [place for place, picture in enumerate(pictures) if picture.label == label]
        kept += [own[int(place)] for place in draw.permutation(len(own))[:most]]
    return tuple(pictures[place] for place in sorted(kept))


def episodes_of(task: Task, pool: Pool, shot: int, count: int) -> list[Episode]:
    """A task's episodes; their indices are rows of the pool."""
    return sample_episodes(
        [picture.label for picture in pool.pictures],
        [picture.group for picture in pool.pictures],
        n_way=task.way,
        n_shot=shot,
        n_query=QUERIES,
        n_episodes=count,
        seed=SEED,
        classes=task.classes,
    )


def support_of(episode: Episode, pool: Pool, images: Tensor) -> SupportSet:
    """What a user would give of an episode; `images` are those of its support (n, 3, S, S)."""
    places = {name: place for place, name in enumerate(episode.classes)}
    return SupportSet(
        images=images,
        labels=torch.tensor([places[pool.pictures[row].label] for row in episode.support]),
        class_names=episode.classes,
        descriptions=tuple(tuple(pool.descriptions.get(name, ())) for name in episode.classes),
    )


def draw(task: Task, pool: Pool, engine: Engine, base: Tensor, count: int) -> Drawn:
    """Draw a task's episodes; `base` are base features (P, F) of the pool."""
    problems, digests = {}, {}
    for shot in SHOTS:
        episodes = episodes_of(task, pool, shot, count)
        problems[shot] = [problem_of(episode, pool, engine, base) for episode in episodes]
        digests[shot] = episodes_digest(episodes)
    return Drawn(task=task, problems=problems, digests=digests)


def problem_of(episode: Episode, pool: Pool, engine: Engine, base: Tensor) -> Problem:
    """What the engine is given of an episode, and recalls."""
    places = {name: place for place, name in enumerate(episode.classes)}
    rows = torch.tensor(episode.support)
    # Neither memory nor lexicon reads pixels: the pictures of the support set stay away.
    support = support_of(episode, pool, torch.empty(len(rows), 0))
    text, has_text = engine.text_embeddings(support)
    seen = ImageDescription(stages=base[rows], pooled=base[rows])
    task = TaskTensors(images=base[rows], labels=support.labels, text=text, has_text=has_text)
    recall = partial(engine.network.recall, seen, task)
    return Problem(
        support=rows,
        support_labels=support.labels,
        query=torch.tensor(episode.query),
        query_labels=torch.tensor([places[pool.pictures[row].label] for row in episode.query]),
        classes=episode.classes,
        texts=support.descriptions,
        recall=recall(),
        without={
            "memory": recall(("memory",)),
            "lexicon": recall(("lexicon",)),
            "words": recall(("memory", "lexicon")),
        },
    )


def told(drawn: Drawn, pool: Pool) -> dict[str, Any]:
    """What is published of a task."""
    task = drawn.task
    return {
        "title": task.title,
        "set": task.data,
        "sha256": pool.sha256,
        "way": task.way,
        "classes": task.classes,
        "pool": len(pool.pictures),
        "pool_digest": digest_of([picture.name for picture in pool.pictures]),
        "episodes_digest": {str(shot): digest for shot, digest in drawn.digests.items()},
    }
