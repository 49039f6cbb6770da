"""Measure what a method needs of memory: in a fresh process, which is given nothing but one episode.

The process reads that episode's pictures, computes what the method reads of them, fits it and classifies, and then tells how
far its memory has grown, Python and torch included. Linux keeps that height for each process and lets it be set back, which
is done when the networks are loaded, since loading takes twice their size for a moment. Elsewhere nothing is measured: the
height that `resource.getrusage` tells there would be the parent's, too.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch

from sgps.evaluation.controls import borrowed
from sgps.evaluation.episodes import Episode
from sgps.evaluation.methods import SEMI_SUPERVISED, pool_of
from sgps.evaluation.networks import Networks
from sgps.evaluation.preparation import prepare
from sgps.evaluation.sets import BenchmarkSet

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")
_FIELD = "VmHWM:"


def peak_memory(
    one: BenchmarkSet,
    episodes: Sequence[Episode],
    method: str,
    seed: int,
    networks: Networks,
) -> float:
    """Largest resident memory of a process that answers the first of these episodes, in bytes; `nan` if it cannot be known.

    Args:
        one: the set.
        episodes: the first and those that the method borrows from, perhaps more.
        method: by name.
        seed: of the part.
        networks: the process is given those that the method runs on.
    """
    episodes = episodes[: 1 + borrowed(method)]
    used = {i for e in episodes for i in (*e.support, *e.query, *e.outside)}
    if method in SEMI_SUPERVISED:
        labels, groups = [p.label for p in one.pictures], [p.group for p in one.pictures]
        used |= set(pool_of(labels, groups, episodes[0], seed, 0))
    places = {index: place for place, index in enumerate(sorted(used))}
    pictures = tuple(one.pictures[index] for index in places)
    small = BenchmarkSet(
        name=one.name, pictures=pictures, descriptions=one.descriptions, sha256=one.sha256
    )
    moved = [
        Episode(
            support=tuple(places[i] for i in episode.support),
            query=tuple(places[i] for i in episode.query),
            classes=episode.classes,
            outside=tuple(places[i] for i in episode.outside),
        )
        for episode in episodes
    ]
    own = networks.used_by(method)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_answer_alone, small, moved, method, seed, own).result()


def _answer_alone(
    one: BenchmarkSet,
    episodes: Sequence[Episode],
    method: str,
    seed: int,
    networks: Networks,
) -> float:
    from dataclasses import replace

    torch.set_num_threads(1)
    gc.collect()
    try:
        _RESET.write_text("5", "ascii")
    except OSError:
        return float("nan")
    material = prepare(
        one,
        episodes,
        [method],
        networks=networks,
        on_progress=lambda *_: None,
    )
    replace(material, seed=seed).answer(method, 0)
    (line,) = [own for own in _STATUS.read_text("ascii").splitlines() if own.startswith(_FIELD)]
    return 1024.0 * int(line.split()[1])
