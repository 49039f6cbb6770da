"""Run methods over the episodes of labelled sets: the engine room of `sgps benchmark`.

In: `BenchmarkSet`s, an engine, a peer backbone. Out: one dict, `{"settings", "methods", "paired"}`; for several sets
the figures are means over sets, each weighing the same, and `"sets"` holds each set's own. Accuracies, recalls and AUC
are percentages, `ece` a fraction, `nll` in nats, `brier` between 0 and 2, `seconds_per_task` as `Material.answer` says. A
figure that does not exist (the interval of a single episode) is null.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from sgps.errors import InputError, listing
from sgps.evaluation.episodes import Episode, episodes_digest, sample_episodes
from sgps.evaluation.methods import (
    Material,
    check_methods,
    constants,
    needs_engine,
    needs_peer,
)
from sgps.evaluation.peers import Peer
from sgps.evaluation.preparation import OnProgress, prepare
from sgps.evaluation.provenance import provenance
from sgps.evaluation.report import Answer, MethodScores, report, score
from sgps.evaluation.sets import BenchmarkSet
from sgps.evaluation.synthesis import SynthesisEngine

_SHORT_DIGEST = 16


@dataclass(frozen=True, kw_only=True)
class EpisodePlan:
    """How episodes are drawn, for every set alike."""

    way: int | None = None
    """Classes per episode; `None` takes all."""
    fewer: bool = False
    """Whether a set with fewer classes than `way` gives all that it has, instead of being refused."""
    shot: int = 5
    """Support pictures per class."""
    query: int = 15
    """Query pictures per class, fewer where a class has no more."""
    episodes: int = 600
    """Episodes per set."""
    seed: int = 0
    """The i-th episode depends on this and i only."""
    classes: tuple[str, ...] | None = None
    """Draw from these only; `None` draws from all."""


def run_benchmark(
    sets: Sequence[BenchmarkSet],
    methods: Sequence[str],
    plan: EpisodePlan,
    *,
    engine: SynthesisEngine | None = None,
    peer: Peer | None = None,
    device: torch.device | str = "cpu",
    per_episode: bool = False,
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Run every method on the same episodes of every set; as `run_parts` with one part."""
    parts = run_parts(
        sets,
        methods,
        {"": plan},
        engine=engine,
        peer=peer,
        device=device,
        per_episode=per_episode,
        on_progress=on_progress,
    )
    return parts[""]


def run_parts(
    sets: Sequence[BenchmarkSet],
    methods: Sequence[str],
    plans: Mapping[str, EpisodePlan],
    *,
    engine: SynthesisEngine | None = None,
    peer: Peer | None = None,
    device: torch.device | str = "cpu",
    per_episode: bool = False,
    on_progress: OnProgress | None = None,
) -> dict[str, dict[str, Any]]:
    """Run every method on the same episodes of every set, by each of several plans; pictures are prepared once for all.

    Args:
        sets: one or more, of different names.
        methods: names from `methods.METHODS`.
        plans: how episodes are drawn, by name of the part.
        engine: needed by `sgps` and by the methods on its features.
        peer: needed by the methods on the peer backbone; its preprocessing decides the size of their pictures.
        device: where the peer runs.
        per_episode: add each method's accuracies, episode by episode.
        on_progress: hears of decoding, features and episodes.

    Raises:
        InputError: methods, sets or episodes that cannot be; pictures that cannot be used, all of them listed.
    """
    check_methods(methods, min(plan.episodes for plan in plans.values()))
    _check_sets(sets, methods)
    if engine is None and any(map(needs_engine, methods)):
        raise ValueError("these methods need an engine")
    if peer is None and any(map(needs_peer, methods)):
        raise ValueError("these methods need a peer")
    # All sets are drawn before anything slow, so that one which cannot serve is known at once.
    drawn = {name: [_draw(one, plan) for one in sets] for name, plan in plans.items()}
    scores: dict[str, list[dict[str, MethodScores]]] = {name: [] for name in plans}
    for index, one in enumerate(sets):
        material = prepare(
            one,
            [episode for episodes in drawn.values() for episode in episodes[index]],
            methods,
            engine=engine,
            peer=peer,
            device=device,
            on_progress=on_progress or _silent,
        )
        first = 0
        for name, plan in plans.items():
            last = first + len(drawn[name][index])
            part = replace(material, episodes=material.episodes[first:last], seed=plan.seed)
            title = f"{one.name}: {name}" if name else one.name
            scores[name].append(_run(title, part, methods, on_progress or _silent))
            first = last
    names = [one.name for one in sets]
    return {
        name: {"settings": _settings(sets, drawn[name], methods, plan, engine, peer, device)}
        | _report(names, scores[name], per_episode)
        for name, plan in plans.items()
    }


def _report(
    names: Sequence[str], scores: Sequence[dict[str, MethodScores]], per_episode: bool
) -> dict[str, Any]:
    if len(names) == 1:
        return report(scores, per_episode)
    blocks = {name: report([own], per_episode) for name, own in zip(names, scores, strict=True)}
    return report(scores) | {"sets": blocks}


def _silent(_step: str, _done: int, _total: int) -> None:
    """Nobody listens."""


def _check_sets(sets: Sequence[BenchmarkSet], methods: Sequence[str]) -> None:
    twice = sorted(name for name, count in Counter(one.name for one in sets).items() if count > 1)
    if twice:
        raise InputError(f"sets of the same name: {listing(twice)}. Give each once or rename it.")
    if "sgps-shuffled-text" in methods:
        bare = [one.name for one in sets if not any(one.descriptions.values())]
        if bare:
            raise InputError(
                f"sgps-shuffled-text has no descriptions to shuffle for {listing(bare)}. Give them with --descriptions."
            )


def _draw(one: BenchmarkSet, plan: EpisodePlan) -> list[Episode]:
    labels = [picture.label for picture in one.pictures]
    way = plan.way
    if way is not None and plan.fewer:
        way = min(way, len(set(plan.classes or labels)))
    try:
        return sample_episodes(
            labels,
            [picture.group for picture in one.pictures],
            n_way=way,
            n_shot=plan.shot,
            n_query=plan.query,
            n_episodes=plan.episodes,
            seed=plan.seed,
            classes=plan.classes,
        )
    except InputError as error:
        raise InputError(f"{one.name}: {error}") from error


def _run(
    name: str, material: Material, methods: Sequence[str], on_progress: OnProgress
) -> dict[str, MethodScores]:
    """Answer every episode by every method, episode after episode, so that a slow moment hits all methods alike."""
    answers: dict[str, list[Answer]] = {method: [] for method in methods}
    for index in range(len(material.episodes)):
        targets = material.targets(index).numpy()
        for method in methods:
            outcome = material.answer(method, index)
            probabilities = outcome.probabilities[: len(targets)]
            seconds = outcome.fit_seconds + outcome.predict_seconds
            if not bool(probabilities.isfinite().all()):
                raise InputError(
                    f"{method} gave probabilities that are no numbers in episode {index} of {name}. "
                    "The weights of the engine or the peer backbone are damaged: get them anew."
                )
            shares = probabilities.double().cpu().numpy()
            classes = material.episodes[index].classes
            answers[method].append(Answer(shares, targets, classes, seconds))
        on_progress(f"{name}: episodes", index + 1, len(material.episodes))
    return {method: score(answers[method]) for method in methods}


def _settings(
    sets: Sequence[BenchmarkSet],
    drawn: Sequence[Sequence[Episode]],
    methods: Sequence[str],
    plan: EpisodePlan,
    engine: SynthesisEngine | None,
    peer: Peer | None,
    device: torch.device | str,
) -> dict[str, Any]:
    """Everything that one needs to repeat the run, and nothing about the machine's folders."""
    data = []
    for one, episodes in zip(sets, drawn, strict=True):
        wanted = set(plan.classes) if plan.classes else {p.label for p in one.pictures}
        pictures = [picture for picture in one.pictures if picture.label in wanted]
        data.append(
            {
                "name": one.name,
                "sha256": one.sha256[:_SHORT_DIGEST],
                "pictures": dict(sorted(Counter(p.label for p in pictures).items())),
                "groups": len({picture.group for picture in pictures}),
                "way": len(episodes[0].classes),
                "described": sorted(c for c in wanted if one.descriptions.get(c)),
                "episodes_digest": episodes_digest(episodes),
            }
        )
    return {
        **asdict(plan),
        "way": plan.way or (data[0]["way"] if len(data) == 1 else None),
        "methods": list(methods),
        "image_size": peer.preprocessing.image_size if peer else None,
        "peer_backbone": peer.name if peer else None,
        "peer_architecture": peer.architecture.name if peer else None,
        "peer_sha256": peer.sha256[:_SHORT_DIGEST] if peer else None,
        "engine_digest": engine.digest if engine else None,
        "engine_image_size": engine.preprocessing.image_size if engine else None,
        "constants": constants(),
        "device": str(device),
        "threads": torch.get_num_threads(),
        **provenance(),
        "data": data,
    }
