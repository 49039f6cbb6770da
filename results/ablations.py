"""Change one choice of the engine at a time, and count what it is worth on the dev sets.

    python results/ablations.py --data ../shared/data --start ../shared/weights/tf_efficientnetv2_b0_imagenet.safetensors \
        --out results/ablations.json

Most rows change the reference: the base network, untouched, with the engine's own head and memory. No network depends on the
task then, and features are computed once a picture; what memory and lexicon say is what they say at the reference. The last
rows are of whole engines, which write a network for every task, on the first of the same episodes. Engines given by
`--learned "as the recipe=runs/again/engine" --learned "no teacher=runs/no-teacher/engine"`, whose networks are the same but whose
generator and head have learned otherwise, are compared with the first of them.

Shapes: P pictures of a pool, V views of each, F features, Q queries, N classes, K experts.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from ablation_rows import (
    REFERENCE,
    Answer,
    Rows,
    Scores,
    alike_in_all_tensors,
    by_head,
    by_peer,
    by_ss_text,
    by_synthesis,
    first,
    mean_of,
    mixture_name,
    score,
    without_metric,
)
from ablation_tasks import QUERIES, SEED, SHOTS, Drawn, Pool, draw, read_pools, told
from dev_tasks import TASKS
from torch import Tensor
from torch.nn import functional

from sgps.engine.config import ENGINE_PARTS
from sgps.engine.engine import Engine
from sgps.evaluation import covariance_heads, heads
from sgps.evaluation.heads import Fitted
from sgps.evaluation.peers import load_peer
from sgps.evaluation.provenance import provenance
from sgps.target.network import Weights

WORDLESS, BARE, SGPS = "without memory and lexicon", "without words and metric", "sgps"
ALIKE = "sgps, each expert equally far in all tensors"
STEPS = (0.2, 0.4, 1.0)
SAME_STEPS = (0.1, 0.2)
"""Of all experts at once."""
PAIR = {"dermatoscopy": 0.4, "photograph": 0.2}
SIDES = (128, 160, 192, 224)
VIEWS = (1, 2, 4, 8)
BATCH = 32
PEERS: Mapping[str, Callable[[Tensor, Tensor, int], Fitted]] = {
    "prototype": heads.prototype,
    "logistic": heads.logistic,
    "Simple CNAPS (mahalanobis)": covariance_heads.mahalanobis,
    "ridge of the benchmark": heads.ridge,
}
"""Heads of the benchmark; they read the mean of a support picture's views."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Bench:
    """The engine, the pictures and the episodes."""

    engine: Engine
    images: Mapping[str, Tensor]
    """Of each set's pool, uint8 (P, 3, S, S)."""
    drawn: Sequence[Drawn]

    def own(self, features: Mapping[str, Tensor]) -> Scores:
        """The reference's head, memory and lexicon on these features."""
        return score(self.drawn, features, partial(by_head, head=self.engine.network.head))

    def mixed(self, steps: Sequence[float]) -> dict[str, Tensor]:
        """Features under the base moved towards each expert by a step, the same for all tasks and tensors."""
        weights = mixed_weights(self.engine, steps)
        return features_of(self.engine, weights, self.images, self.engine.config.views)


def mixed_weights(engine: Engine, steps: Sequence[float]) -> Weights:
    """The base moved towards each expert by a step."""
    generator = engine.network.generator
    base = generator.base_weights()
    mixed = dict(base)
    for place, step in enumerate(steps):
        if step:
            expert = generator.expert_weights(place)
            mixed = {name: own + step * (expert[name] - base[name]) for name, own in mixed.items()}
    return mixed


def features_of(
    engine: Engine, weights: Weights, images: Mapping[str, Tensor], views: int
) -> dict[str, Tensor]:
    """Features (P, V, F) of each set's pictures, of whatever size."""
    prepare, network = engine.preprocessing.normalize, engine.network
    return {
        name: torch.cat(
            [
                network.support_features(weights, prepare(batch), views)
                for batch in torch.split(own, max(1, BATCH // views))
            ]
        )
        for name, own in images.items()
    }


def experts_at_steps(bench: Bench, rows: Rows) -> list[dict[str, Tensor]]:
    """Rows of each expert alone, and of several together; gives the features of the experts themselves."""
    experts, whole = bench.engine.config.experts, []
    best = []
    for place, expert in enumerate(experts):
        found = {0.0: mean_of(rows.scores(REFERENCE), *SHOTS)}
        for step in STEPS:
            steps = [step * (other == place) for other in range(len(experts))]
            features = bench.mixed(steps)
            scores = bench.own(features)
            rows.add(f"{expert} {step:g}", "experts", scores)
            found[step] = mean_of(scores, *SHOTS)
        # A step of one, the last, is the expert.
        whole.append(features)
        best.append(max(found, key=found.__getitem__))
    mixtures = [[step] * len(experts) for step in SAME_STEPS]
    if set(PAIR) <= set(experts):
        mixtures.append([PAIR.get(expert, 0.0) for expert in experts])
    mixtures += [best, [step / 2 for step in best]]
    for steps in mixtures:
        name = mixture_name(experts, steps)
        if any(steps) and name not in rows.names("experts"):
            rows.add(name, "experts", bench.own(bench.mixed(steps)))
    return whole


def best_fixed(rows: Rows) -> str:
    """The row of experts at fixed steps, or the reference without any, that is best over all tasks and shots."""
    names = [REFERENCE, *rows.names("experts")]
    return max(names, key=lambda name: mean_of(rows.scores(name), *SHOTS))


def views_and_sides(
    bench: Bench, rows: Rows, every: Mapping[str, Tensor], pools: Mapping[str, Pool]
) -> None:
    """Rows of other numbers of views, from features of all eight, and of other sizes, in one view each."""
    config = bench.engine.config
    for count in VIEWS:
        if count != config.views:
            name = f"{count} view{'s' if count > 1 else ''}"
            rows.add(name, "pictures", bench.own({k: own[:, :count] for k, own in every.items()}))
    weights = bench.engine.network.generator.base_weights()
    for side in SIDES:
        if side != config.image_size:
            images = {name: pool.images(side) for name, pool in pools.items()}
            scores = bench.own(features_of(bench.engine, weights, images, 1))
            rows.add(f"{side} px, 1 view", "pictures", scores, "1 view")


def other_heads(
    bench: Bench,
    rows: Rows,
    base: Mapping[str, Tensor],
    start: Mapping[str, Tensor],
    whole: Sequence[Mapping[str, Tensor]],
) -> None:
    """Rows of other heads on the same features, and of other features under the plainest of the engine's own."""
    head = bench.engine.network.head
    plain = without_metric(head)

    def add(name: str, features: Mapping[str, Tensor], answer: Answer) -> None:
        rows.add(name, "head", score(bench.drawn, features, answer))

    add("without memory", base, partial(by_head, head=head, without="memory"))
    add("without lexicon", base, partial(by_head, head=head, without="lexicon"))
    add(WORDLESS, base, partial(by_head, head=head, without="words"))
    add("center of the pictures alone", base, partial(by_head, head=head, middles=False))
    add("without metric", base, partial(by_head, head=plain))
    bare = partial(by_head, head=plain, without="words")
    add(BARE, base, bare)
    name = "ImageNet start, without words and metric"
    rows.add(name, "head", score(bench.drawn, start, bare), BARE)
    for name, fit in PEERS.items():
        add(name, base, partial(by_peer, fit=fit))
    add("SS-Text", base, partial(by_ss_text, engine=bench.engine))
    joined = {
        name: torch.cat([functional.normalize(own[name], dim=-1) for own in (base, *whole)], -1)
        for name in base
    }
    ridge = partial(by_peer, fit=heads.ridge)
    add("ridge of the benchmark, base and experts side by side", joined, ridge)


def whole_engines(bench: Bench, rows: Rows, count: int, fixed: str) -> None:
    """Rows of engines that write a network for every task; of a part taken away or made plainer on half of the episodes."""
    few = [one.first(count) for one in bench.drawn]
    fewer = [one.first(max(1, count // 2)) for one in bench.drawn]
    write = partial(by_synthesis, engine=bench.engine)
    rows.add(SGPS, "engine", score(few, bench.images, write), None)
    for part in ENGINE_PARTS:
        scores = score(fewer, bench.images, partial(write, without=(part,)))
        rows.add(f"sgps without {part}", "engine", scores, SGPS)
    with alike_in_all_tensors(bench.engine):
        rows.add(ALIKE, "engine", score(fewer, bench.images, write), SGPS)
    # An engine without all of its parts writes its base, of which features are known.
    base, best = (first(rows.scores(name), count) for name in (WORDLESS, fixed))
    rows.add("sgps without all of these: the base", "engine", base, SGPS)
    rows.add("best fixed mixture", "engine", best, SGPS)


def learned_otherwise(bench: Bench, rows: Rows, engines: Mapping[str, Engine], count: int) -> None:
    """Rows of other engines, compared with the first of them."""
    few = [one.first(count) for one in bench.drawn]
    control = None
    for name, engine in engines.items():
        scores = score(few, bench.images, partial(by_synthesis, engine=engine))
        rows.add(name, "learning", scores, control)
        control = control or name


@torch.no_grad()
def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Every row, and what is needed to draw them again."""
    engine, rows = Engine.from_pretrained(given.engine, "cpu"), Rows()
    others = {name: Engine.from_pretrained(folder, "cpu") for name, folder in given.learned}
    config = engine.config
    pools = read_pools(given.data, given.most)
    images = {name: pool.images(config.image_size) for name, pool in pools.items()}
    every = features_of(engine, engine.network.generator.base_weights(), images, max(VIEWS))
    base = {name: own[:, : config.views] for name, own in every.items()}
    drawn = [
        draw(task, pools[task.data], engine, base[task.data][:, 0], given.episodes)
        for task in TASKS
    ]
    bench = Bench(engine=engine, images=images, drawn=drawn)
    rows.add(REFERENCE, "reference", bench.own(base), None)
    whole = experts_at_steps(bench, rows)
    fixed = best_fixed(rows)
    views_and_sides(bench, rows, every, pools)
    peer = load_peer(str(given.start), config.image_size)
    start = features_of(engine, peer.weights, images, config.views)
    other_heads(bench, rows, base, start, whole)
    middle = time.process_time()
    whole_engines(bench, rows, given.slow_episodes, fixed)
    learned_otherwise(bench, rows, others, given.slow_episodes)
    return {
        "settings": {
            "engine": config.name,
            "engine_digest": engine.digest,
            "learned": {name: other.digest for name, other in others.items()},
            "start_sha256": peer.sha256,
            "image_size": config.image_size,
            "views": config.views,
            "seed": SEED,
            "query": QUERIES,
            "most_pictures_a_class": given.most,
            "episodes": given.episodes,
            "slow_episodes": given.slow_episodes,
            "threads": torch.get_num_threads(),
            "processor_seconds_on_features": round(middle - rows.began),
            "processor_seconds_of_synthesis": round(time.process_time() - middle),
        },
        "tasks": [told(one, pools[one.task.data]) for one in drawn],
        "best_fixed": fixed,
        "rows": rows.found,
        **provenance(),
    }


def _named(text: str) -> tuple[str, Path]:
    """Split `NAME=FOLDER`."""
    name, equals, folder = text.partition("=")
    if not (name and equals and folder):
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=FOLDER")
    return name, Path(folder)


def main() -> None:
    """Measure and write one JSON file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the dev sets' zips")
    parser.add_argument("--start", type=Path, required=True, help="ImageNet's V2-B0, safetensors")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--engine", default="default", help="engine: its name or folder")
    parser.add_argument(
        "--learned",
        type=_named,
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="an engine of the same networks and its row's name; may be repeated",
    )
    parser.add_argument("--episodes", type=int, default=100, help="of each task and shots")
    parser.add_argument("--most", type=int, default=60, help="pictures of a class to draw from")
    parser.add_argument("--slow-episodes", type=int, default=24, help="of them, for whole engines")
    text = json.dumps(measure(given := parser.parse_args()), indent=1)
    # One line for the episodes of a task.
    lines = re.sub(r"\[[\d.,\s]+\]", lambda numbers: "".join(numbers[0].split()), text)
    given.out.write_text(lines + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
