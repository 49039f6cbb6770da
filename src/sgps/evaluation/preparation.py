"""Make a set ready for its episodes: every picture that they use is decoded once, every feature computed once.

In: a `BenchmarkSet`, its episodes, the networks. Out: `Material`.

Shapes: P pictures, S side of a picture in pixels, F features.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from sgps.errors import InputError, listing
from sgps.evaluation.controls import REWORDED, SYNTHESIS, foreign_texts, reworded
from sgps.evaluation.episodes import Episode
from sgps.evaluation.methods import (
    SEMI_SUPERVISED,
    Features,
    Material,
    feature_source,
    needs_engine,
    needs_peer,
)
from sgps.evaluation.networks import Networks
from sgps.evaluation.sets import BenchmarkSet
from sgps.images import MAX_LISTED, ImageError, read_each
from sgps.labelled import LabelledImage

OnProgress = Callable[[str, int, int], None]
"""Hears of a step: what, how many done, of how many."""

_FEATURE_BATCH = 64


def prepare(
    one: BenchmarkSet,
    episodes: Sequence[Episode],
    methods: Sequence[str],
    *,
    networks: Networks,
    on_progress: OnProgress,
) -> Material:
    """Decode and compute what `methods` need for `episodes`, and nothing else.

    Raises:
        InputError: pictures cannot be used; all of them are listed.
    """
    sources = {source for source in map(feature_source, methods) if source is not None}
    engine, peers = networks.engine, networks.peers
    needed = {index for e in episodes for index in (*e.support, *e.query, *e.outside)}
    if SEMI_SUPERVISED & set(methods):
        posed = {name for episode in episodes for name in episode.classes}
        needed |= {index for index, own in enumerate(one.pictures) if own.label in posed}
    used = sorted(needed)
    rows = {index: row for row, index in enumerate(used)}
    pictures = [one.pictures[index] for index in used]
    engine_images = peer_images = None
    if engine is not None and any(map(needs_engine, methods)):
        engine_images = _decode(one.name, pictures, engine.preprocessing.image_size, on_progress)
    if peers and any(map(needs_peer, methods)):
        (size,) = {peer.preprocessing.image_size for peer in peers.values()}
        if engine_images is not None and engine_images.shape[-1] == size:
            peer_images = engine_images
        else:
            peer_images = _decode(one.name, pictures, size, on_progress)
    compute: dict[str, tuple[Callable[[Tensor], Tensor], Tensor | None]] = {}
    for source, peer in peers.items():
        compute[source] = partial(peer.features, device=networks.device), peer_images
    if engine is not None:
        compute["base"] = engine.base_features, engine_images
        compute["engine"] = engine.joined_features, engine_images
    labels = sorted({picture.label for picture in one.pictures})
    texts = {SYNTHESIS[method].text for method in methods if method in SYNTHESIS}
    return Material(
        set_name=one.name,
        episodes=[
            replace(
                episode,
                support=tuple(rows[index] for index in episode.support),
                query=tuple(rows[index] for index in episode.query),
                outside=tuple(rows[index] for index in episode.outside),
            )
            for episode in episodes
        ],
        labels=[picture.label for picture in pictures],
        groups=[picture.group for picture in pictures],
        descriptions=one.descriptions,
        foreign_texts=foreign_texts(one.name, labels) if "random" in texts else (),
        reworded={
            text: reworded(text, one.name, labels, one.descriptions)
            for text in REWORDED
            if text in texts
        },
        device=networks.device,
        engine=engine,
        engine_images=engine_images,
        peer=networks.peer,
        peer_images=peer_images,
        pip_peers=networks.pip_peers,
        features={
            source: _features(f"{one.name}: {source} features", *compute[source], on_progress)
            for source in sorted(sources)
        },
    )


def _decode(
    name: str, pictures: Sequence[LabelledImage], image_size: int, on_progress: OnProgress
) -> Tensor:
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        on_progress(f"{name}: pictures", done, len(pictures))

    results = read_each([partial(picture.read, image_size) for picture in pictures], advance)
    errors = [result for result in results if isinstance(result, ImageError)]
    if errors:
        offenders = listing([f"{error.name} {error.reason}" for error in errors], MAX_LISTED)
        raise InputError(
            f"{len(errors)} of {len(pictures)} pictures of {name} cannot be used: {offenders}. "
            "Repair, convert or remove them."
        )
    return torch.stack([result for result in results if isinstance(result, Tensor)])


def _features(
    step: str,
    compute: Callable[[Tensor], Tensor],
    images: Tensor | None,
    on_progress: OnProgress,
) -> Features:
    assert images is not None, step
    start = time.perf_counter()
    parts: list[Tensor] = []
    for batch in torch.split(images, _FEATURE_BATCH):
        parts.append(compute(batch).detach().float().cpu())
        on_progress(step, sum(map(len, parts)), len(images))
    seconds = (time.perf_counter() - start) / len(images)
    return Features(values=torch.cat(parts), seconds_per_picture=seconds)
