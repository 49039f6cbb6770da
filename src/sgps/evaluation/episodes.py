"""Draw evaluation episodes: few-shot problems cut out of one labelled set, the same ones for every method.

In: the label and the group of every picture. Out: `Episode`s, which hold indices into that list. The i-th episode
depends on (seed, i) only, so a longer run begins with the episodes of a shorter one, and a run may be split.
Pictures of one group (lesion, patient, slide) never stand on both sides of an episode, whatever their classes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sgps.errors import InputError, listing

_MAX_DRAWS = 200

Indices = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Episode:
    """One few-shot problem, as indices into the list of labelled pictures."""

    support: tuple[int, ...]
    """Labelled examples, `n_shot` a class, class after class."""
    query: tuple[int, ...]
    """Pictures to classify, at most `n_query` a class, class after class."""
    classes: tuple[str, ...]
    """The classes, sorted by name: the order of the probabilities' columns."""
    outside: tuple[int, ...] = ()
    """Pictures of classes that the support lacks, for out-of-distribution scores; see `outside.py`."""


def sample_episodes(
    labels: Sequence[str],
    groups: Sequence[str],
    *,
    n_way: int | None = None,
    n_shot: int,
    n_query: int,
    n_episodes: int,
    seed: int,
    classes: Sequence[str] | None = None,
) -> list[Episode]:
    """Draw `n_episodes` episodes.

    Within a class the support takes distinct groups wherever enough groups remain for the queries. A class with too few
    pictures for `n_query` queries gives those it has left.

    Args:
        labels: class of each picture.
        groups: group of each picture.
        n_way: classes per episode; `None` takes all of them in every episode.
        n_shot: support pictures per class; none where words alone must do.
        n_query: query pictures per class.
        n_episodes: number of episodes.
        seed: a non-negative number; the same seed gives the same episodes.
        classes: draw from these only; `None` draws from all.

    Raises:
        InputError: a count is too small, a class is unknown or too small, or there are fewer classes than `n_way`.
    """
    _check_counts(n_way, n_shot, n_query, n_episodes, seed)
    pool = _Pool(labels, groups, classes)
    way = len(pool.classes) if n_way is None else n_way
    if way > len(pool.classes):
        raise InputError(
            f"--way {way} but there are {len(pool.classes)} classes ({listing(pool.classes, 20)}). "
            "Lower --way or add classes."
        )
    if way < 2:
        raise InputError(f"an episode needs at least 2 classes, got {listing(pool.classes)}.")
    pool.check_sizes(n_shot)
    return [
        pool.draw(np.random.SeedSequence(seed, spawn_key=(index,)), way, n_shot, n_query)
        for index in range(n_episodes)
    ]


def episodes_digest(episodes: Sequence[Episode]) -> str:
    """SHA-256 of the episodes' canonical JSON: equal digests mean equal episodes, their outside pictures aside."""
    return digest_of([[list(e.classes), list(e.support), list(e.query)] for e in episodes])


def digest_of(rows: object) -> str:
    """SHA-256 of anything's canonical JSON."""
    text = json.dumps(rows, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _check_counts(n_way: int | None, n_shot: int, n_query: int, n_episodes: int, seed: int) -> None:
    counts = {"--query": n_query, "--episodes": n_episodes}
    wrong = [f"{name} {count}" for name, count in counts.items() if count < 1]
    if n_way is not None and n_way < 2:
        wrong.insert(0, f"--way {n_way} (at least 2)")
    wrong += [
        f"{name} {number} (at least 0)"
        for name, number in (("--shot", n_shot), ("--seed", seed))
        if number < 0
    ]
    if wrong:
        raise InputError(f"counts must be positive, got {listing(wrong)}.")


class _Pool:
    """The pictures that episodes are drawn from, by class."""

    def __init__(
        self, labels: Sequence[str], groups: Sequence[str], classes: Sequence[str] | None
    ) -> None:
        if len(labels) != len(groups):
            raise ValueError(f"{len(labels)} labels but {len(groups)} groups")
        present = sorted(set(labels))
        self.classes = present if classes is None else sorted(set(classes))
        unknown = [name for name in self.classes if name not in present]
        if unknown:
            raise InputError(
                f"no picture of {listing(unknown)}; the classes are {listing(present, 20)}."
            )
        if not self.classes:
            raise InputError("no classes to draw episodes from. Name some or give pictures.")
        label_array = np.asarray(labels, dtype=object)
        self.members = {name: np.flatnonzero(label_array == name) for name in self.classes}
        self.group_of: Indices = np.unique(np.asarray(groups, dtype=str), return_inverse=True)[
            1
        ].astype(np.int64)

    def check_sizes(self, n_shot: int) -> None:
        """Refuse classes which cannot give the support and one query from another group."""
        small = []
        for name, members in self.members.items():
            sizes = np.unique(self.group_of[members], return_counts=True)[1]
            if n_shot and (len(members) - sizes.min() < n_shot or len(sizes) < 2):
                small.append(f"{name} ({len(members)} pictures in {len(sizes)} groups)")
        if small:
            raise InputError(
                f"too few pictures for --shot {n_shot} and one query from another group: {listing(small)}. "
                "Lower --shot or name other classes with --classes."
            )

    def draw(
        self, sequence: np.random.SeedSequence, way: int, n_shot: int, n_query: int
    ) -> Episode:
        """Draw one episode; a draw which leaves some class without queries is thrown away and repeated."""
        rng = np.random.default_rng(sequence)
        for _ in range(_MAX_DRAWS):
            chosen = rng.choice(len(self.classes), size=way, replace=False)
            names = tuple(self.classes[position] for position in sorted(chosen))
            supports = [self._draw_support(rng, name, n_shot) for name in names]
            # Groups are taken over all classes: one patient may have pictures in two of them.
            taken = self.group_of[np.concatenate(supports)]
            queries = [self._draw_queries(rng, name, taken, n_query) for name in names]
            if all(len(query) for query in queries):
                return Episode(
                    support=tuple(int(i) for part in supports for i in part),
                    query=tuple(int(i) for part in queries for i in part),
                    classes=names,
                )
        raise InputError(
            f"found no episode with --way {way} --shot {n_shot} whose queries share no group with the support "
            f"in {_MAX_DRAWS} draws from {listing(self.classes, 20)}. Lower --shot or --way."
        )

    def _draw_support(self, rng: np.random.Generator, name: str, n_shot: int) -> Indices:
        """Take one picture from each of `n_shot` groups, more where groups are few; one group stays for the queries."""
        members = self.members[name]
        groups, sizes = np.unique(self.group_of[members], return_counts=True)
        if len(groups) > n_shot:
            kept = rng.permutation(groups)[:n_shot]
        else:
            spare = rng.choice(groups[len(members) - sizes >= n_shot])
            kept = groups[groups != spare]
        inside = rng.permutation(members[np.isin(self.group_of[members], kept)])
        first = np.unique(self.group_of[inside], return_index=True)[1]
        rest = np.delete(inside, first)
        return np.concatenate([inside[first], rest])[:n_shot]

    def _draw_queries(
        self, rng: np.random.Generator, name: str, taken: Indices, n_query: int
    ) -> Indices:
        members = self.members[name]
        free = members[~np.isin(self.group_of[members], taken)]
        return rng.permutation(free)[:n_query]
