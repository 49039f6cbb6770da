"""What a result was measured with: everything that one needs to repeat the run, and nothing about the machine's folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch

from sgps.evaluation.episodes import Episode, digest_of, episodes_digest
from sgps.evaluation.methods import constants
from sgps.evaluation.networks import Networks
from sgps.evaluation.outside import outside_digest
from sgps.evaluation.plans import EpisodePlan
from sgps.evaluation.provenance import provenance
from sgps.evaluation.sets import BenchmarkSet

_SHORT_DIGEST = 16


def settings_of(
    sets: Sequence[BenchmarkSet],
    drawn: Sequence[Sequence[Episode]],
    methods: Sequence[str],
    plan: EpisodePlan,
    *,
    networks: Networks,
    jobs: int,
    backend: str,
) -> dict[str, Any]:
    """The block `"settings"` of one part."""
    engine, peer = networks.engine, networks.peer
    data = [_data(one, episodes, plan) for one, episodes in zip(sets, drawn, strict=True)]
    counts = {method: plan.answered_by(method) for method in methods}
    return {
        **asdict(plan),
        "way": plan.way or (data[0]["way"] if len(data) == 1 else None),
        "limits": {method: count for method, count in counts.items() if count < plan.episodes},
        "methods": list(methods),
        "image_size": peer.preprocessing.image_size if peer else None,
        "peer_backbone": peer.name if peer else None,
        "peer_architecture": peer.architecture.name if peer else None,
        "peer_sha256": peer.sha256[:_SHORT_DIGEST] if peer else None,
        "pip_peers": {name: own.sha256[:_SHORT_DIGEST] for name, own in networks.pip_peers.items()},
        "engine_digest": engine.digest if engine else None,
        "engine_image_size": engine.preprocessing.image_size if engine else None,
        "constants": constants(),
        "device": str(networks.device),
        # Processes that share the work have one thread each.
        "threads": 1 if jobs > 1 else torch.get_num_threads(),
        "jobs": jobs,
        "backend": backend,
        **provenance(),
        "data": data,
    }


def _data(one: BenchmarkSet, episodes: Sequence[Episode], plan: EpisodePlan) -> dict[str, Any]:
    wanted = set(plan.classes) if plan.classes else {p.label for p in one.pictures}
    pictures = [picture for picture in one.pictures if picture.label in wanted]
    texts = {label: list(own) for label in sorted(wanted) if (own := one.descriptions.get(label))}
    outside = outside_digest(episodes)
    return {
        "name": one.name,
        "sha256": one.sha256[:_SHORT_DIGEST],
        "pictures": dict(sorted(Counter(p.label for p in pictures).items())),
        "groups": len({picture.group for picture in pictures}),
        "way": len(episodes[0].classes),
        "described": list(texts),
        "descriptions_sha256": digest_of(texts)[:_SHORT_DIGEST] if texts else None,
        "episodes_digest": episodes_digest(episodes),
        "outside_digest": outside,
    }


_PLACE = ("jobs", "backend", "threads")
"""Settings that tell where a run was done and not what it gives."""


def fingerprint(parts: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """What two runs must share to be one, flat: what all parts have in common once, the rest under the part's name."""
    flat = {part: _flat("", own) for part, own in parts.items()}
    first = next(iter(flat.values()))
    common = {
        key: value
        for key, value in first.items()
        if all(own.get(key) == value for own in flat.values())
    }
    rest = {
        f"{part}: {key}": value
        for part, own in flat.items()
        for key, value in own.items()
        if key not in common
    }
    return {**common, **rest, "parts": ", ".join(parts)}


def _flat(prefix: str, value: object) -> dict[str, str]:
    if isinstance(value, Mapping):
        pairs = [(key, own) for key, own in value.items() if prefix or key not in _PLACE]
    elif isinstance(value, list) and all(isinstance(own, Mapping) for own in value):
        pairs = [(own["name"], own) for own in value]
    else:
        return {prefix: str(value)}
    return {
        key: text
        for name, own in pairs
        for key, text in _flat(f"{prefix}.{name}" if prefix else str(name), own).items()
    }
