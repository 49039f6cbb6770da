"""Run methods over the episodes of labelled sets: the engine room of `sgps benchmark`.

In: `BenchmarkSet`s, an engine, a peer backbone. Out: one dict, `{"settings", "methods", "paired"}`; for several sets
the figures are means over sets, each weighing the same, and `"sets"` holds each set's own. Accuracies, recalls and areas
are percentages, `ece` a fraction, `nll` in nats, `brier` between 0 and 2. `seconds_per_task` is from pictures in memory to the
probabilities of the queries, `seconds_to_classifier` the first part of it. A figure that does not exist (the interval of a
single episode) is null.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from sgps.errors import InputError, listing
from sgps.evaluation.controls import REWORDED, SYNTHESIS, reworded
from sgps.evaluation.costs import peak_memory
from sgps.evaluation.episodes import Episode
from sgps.evaluation.methods import check_methods
from sgps.evaluation.networks import Networks, load_networks
from sgps.evaluation.peers import Peer
from sgps.evaluation.plans import Drawn, EpisodePlan, draw_parts
from sgps.evaluation.preparation import OnProgress, prepare
from sgps.evaluation.report import report
from sgps.evaluation.scores import Answer, MethodScores, score
from sgps.evaluation.sets import BenchmarkSet
from sgps.evaluation.settings import fingerprint, settings_of
from sgps.evaluation.shards import (
    Answers,
    Block,
    Given,
    Part,
    answer_blocks,
    blocks_of,
    check_backend,
)
from sgps.evaluation.synthesis import SynthesisEngine
from sgps.evaluation.work import WorkFolder


@dataclass(frozen=True, kw_only=True)
class Running:
    """How a run is carried out; nothing of it changes what is measured."""

    jobs: int = 1
    """Processes that share the episodes, each with one thread; 1 stays in this one with all of its threads."""
    backend: str = "loky"
    """Where these processes are: one of `shards.BACKENDS`."""
    work: WorkFolder | None = None
    """Keeps finished answers, so that a run which was stopped goes on."""
    costs: bool = False
    """Measure the memory of each method, too, in a fresh process each."""


def run_benchmark(
    sets: Sequence[BenchmarkSet],
    methods: Sequence[str],
    plan: EpisodePlan,
    *,
    engine: SynthesisEngine | None = None,
    peer: Peer | None = None,
    device: torch.device | str = "cpu",
    per_episode: bool = False,
    running: Running | None = None,
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
        running=running,
        on_progress=on_progress,
    )
    return parts[""]


def run_parts(
    sets: Sequence[BenchmarkSet],
    methods: Sequence[str],
    plans: Mapping[str, EpisodePlan],
    *,
    drawn: Drawn | None = None,
    engine: SynthesisEngine | None = None,
    peer: Peer | None = None,
    device: torch.device | str = "cpu",
    per_episode: bool = False,
    running: Running | None = None,
    on_progress: OnProgress | None = None,
) -> dict[str, dict[str, Any]]:
    """Run every method on the same episodes of every set, by each of several plans; pictures are prepared once for all.

    Args:
        sets: one or more, of different names.
        methods: names from `methods.METHODS`.
        plans: how episodes are drawn, by name of the part.
        drawn: the episodes of these plans, where they are not to be drawn anew.
        engine: needed by `sgps` and by the methods on its features.
        peer: needed by the methods on the peer backbone; its preprocessing decides the size of their pictures.
        device: where the peer runs.
        per_episode: add each method's accuracies, episode by episode, and its reliability.
        running: in how many processes, and what is kept on the way.
        on_progress: hears of decoding, features and episodes.

    Raises:
        InputError: methods, sets or episodes that cannot be; pictures that cannot be used, all of them listed; a work
            folder of another run.
    """
    running = running or Running()
    check_methods(
        methods,
        min(plan.episodes for plan in plans.values()),
        min(plan.shot for plan in plans.values()),
    )
    _check_sets(sets)
    _check_running(running, device)
    networks = load_networks(methods, engine, peer, device)
    # All sets are drawn before anything slow, so that one which cannot serve is known at once.
    drawn = draw_parts(sets, plans) if drawn is None else drawn
    _check_texts(sets, drawn, plans, methods)
    settings = {
        name: settings_of(
            sets,
            drawn[name],
            methods,
            plan,
            networks=networks,
            jobs=running.jobs,
            backend=running.backend,
        )
        for name, plan in plans.items()
    }
    if running.work is not None:
        running.work.claim(fingerprint(settings))
    scores: dict[str, list[dict[str, MethodScores]]] = {name: [] for name in plans}
    for place, one in enumerate(sets):
        episodes = {name: drawn[name][place] for name in plans}
        parts = _parts(one.name, episodes, plans, methods)
        found = _answers(
            one,
            [episode for own in episodes.values() for episode in own],
            parts,
            methods,
            networks=networks,
            running=running,
            on_progress=on_progress or _silent,
        )
        for part in parts:
            own = {
                method: score(_scored(one, episodes[part.name], given))
                for method, given in found[part.name].items()
            }
            if running.costs:
                own = _with_memory(own, one, episodes[part.name], part.seed, networks)
            scores[part.name].append(own)
    names = [one.name for one in sets]
    return {
        name: {"settings": settings[name]} | _report(names, scores[name], per_episode)
        for name in plans
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


def _check_sets(sets: Sequence[BenchmarkSet]) -> None:
    twice = sorted(name for name, count in Counter(one.name for one in sets).items() if count > 1)
    if twice:
        raise InputError(f"sets of the same name: {listing(twice)}. Give each once or rename it.")


def _check_texts(
    sets: Sequence[BenchmarkSet],
    drawn: Drawn,
    plans: Mapping[str, EpisodePlan],
    methods: Sequence[str],
) -> None:
    for method in methods:
        control = SYNTHESIS.get(method)
        if control is None or control.text in ("none", "random"):
            continue
        wordy = [part for part, plan in plans.items() if not control.pictures or not plan.shot]
        told = [_told(control.text, one) for one in sets]
        silent = [one.name for one, own in zip(sets, told, strict=True) if not any(own.values())]
        bare = [
            f"{name} ({one.name})"
            for place, one in enumerate(sets)
            for name in sorted({n for part in wordy for e in drawn[part][place] for n in e.classes})
            if not told[place].get(name)
        ]
        if control.text in REWORDED and (nothing := bare or silent):
            raise InputError(f"{method} has nothing to tell of {listing(nothing)}. Leave it out.")
        if control.text == "shuffled" and silent:
            raise InputError(
                f"{method} has no descriptions to shuffle for {listing(silent)}. Give them with --descriptions."
            )
        if bare:
            raise InputError(
                f"{method} needs a description of every class, and there is none of {listing(bare)}. "
                "Give them with --descriptions or leave these out with --classes."
            )


def _told(text: str, one: BenchmarkSet) -> Mapping[str, Sequence[str]]:
    """Class to what a control's text is made of."""
    if text not in REWORDED:
        return one.descriptions
    return reworded(text, one.name, {p.label for p in one.pictures}, one.descriptions)


def _check_running(running: Running, device: torch.device | str) -> None:
    check_backend(running.backend, running.jobs)
    asked = {"--jobs": running.jobs > 1, "--costs": running.costs}
    if torch.device(device).type != "cpu" and (given := [name for name, on in asked.items() if on]):
        raise InputError(
            f"{listing(given)} is for processes on the CPU. Leave it out or add --device cpu."
        )


def _parts(
    name: str,
    episodes: Mapping[str, Sequence[Episode]],
    plans: Mapping[str, EpisodePlan],
    methods: Sequence[str],
) -> list[Part]:
    parts: list[Part] = []
    first = 0
    for part, plan in plans.items():
        last = first + len(episodes[part])
        parts.append(
            Part(
                name=part,
                title=f"{name}: {part}" if part else name,
                first=first,
                last=last,
                seed=plan.seed,
                counts={method: plan.answered_by(method) for method in methods},
            )
        )
        first = last
    return parts


def _answers(
    one: BenchmarkSet,
    episodes: Sequence[Episode],
    parts: Sequence[Part],
    methods: Sequence[str],
    *,
    networks: Networks,
    running: Running,
    on_progress: OnProgress,
) -> dict[str, Answers]:
    """What every method gives in all episodes of every part, by the part's name; what was kept is not computed again."""
    work, found = running.work, dict[Block, Answers]()
    blocks = blocks_of(parts)
    if work is not None:
        kept = {block: work.load(one.name, parts[block.part], block) for block in blocks}
        found = {block: answers for block, answers in kept.items() if answers is not None}
    done = Counter({part: 0 for part in range(len(parts))})

    def advance(part: int, more: int) -> None:
        done[part] += more
        total = parts[part].last - parts[part].first
        on_progress(f"{parts[part].title}: episodes", done[part], total)

    for block in found:
        advance(block.part, block.last - block.first)
    if missing := [block for block in blocks if block not in found]:
        material = prepare(
            one,
            episodes,
            methods,
            networks=networks,
            on_progress=on_progress,
        )
        found |= answer_blocks(
            material,
            parts,
            missing,
            methods,
            jobs=running.jobs,
            backend=running.backend,
            keep=partial(work.save, one.name) if work is not None else None,
            on_done=advance,
        )
    return {
        part.name: {
            method: [
                given for block in blocks if block.part == place for given in found[block][method]
            ]
            for method in methods
        }
        for place, part in enumerate(parts)
    }


def _scored(one: BenchmarkSet, episodes: Sequence[Episode], given: Sequence[Given]) -> list[Answer]:
    """Put what a method gave beside the truth."""
    answers = []
    for episode, own in zip(episodes, given, strict=False):
        queries = [one.pictures[index] for index in episode.query]
        answers.append(
            Answer(
                probabilities=own.rows[: len(queries)],
                labels=np.array([episode.classes.index(picture.label) for picture in queries]),
                outside=own.rows[len(queries) :],
                classes=episode.classes,
                names=tuple(picture.name for picture in queries),
                fit_seconds=own.fit_seconds,
                predict_seconds=own.predict_seconds,
                size_bytes=own.size_bytes,
            )
        )
    return answers


def _with_memory(
    scores: Mapping[str, MethodScores],
    one: BenchmarkSet,
    episodes: Sequence[Episode],
    seed: int,
    networks: Networks,
) -> dict[str, MethodScores]:
    return {
        method: replace(
            own,
            costs={
                **own.costs,
                "peak_memory_bytes": peak_memory(one, episodes, method, seed, networks),
            },
        )
        for method, own in scores.items()
    }
