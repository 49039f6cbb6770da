"""Ask what prototypes on ImageNet features owe to how pictures are cut and to where features are centered.

    python results/probe_prototypes.py --data ../shared/data --start ../shared/weights/tf_efficientnetv2_b0_imagenet.safetensors \
        --out results/prototype-probe.json

Three skin diseases of HAM10000 that no engine has learned, three at a time, lesions apart. In the benchmark a picture's short
side fits the network's square and features are centered on the support. The middle of all pictures is what nobody has who is
given a few; it is measured here because comparisons elsewhere are centered on it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ablation_tasks import limited
from PIL import Image
from torch import Tensor
from torch.nn import functional

from sgps.evaluation import heads
from sgps.evaluation.episodes import Episode, digest_of, episodes_digest, sample_episodes
from sgps.evaluation.metrics import mean_ci95
from sgps.evaluation.peers import load_peer
from sgps.evaluation.provenance import provenance
from sgps.evaluation.sets import read_benchmark_set
from sgps.labelled import LabelledImage

CLASSES = ("akiec", "df", "vasc")
SEED, SIDE, QUERIES, SHOTS = 0, 128, 15, (1, 5)
MOST = 330
"""Pictures of a class in the pool, which are all of the three classes; the other four count for its middle."""
CUTS = {
    "whole short side": SIDE,
    "7/8 of the short side": SIDE * 8 // 7,
    "4/5 of the short side": SIDE * 5 // 4,
    "nothing cut, squashed": None,
}
"""Side that a picture is read at before the square is cut out of its middle; the last is the whole picture made square. The
second is how ImageNet networks are tested, the third takes the pixels as the set stores them, the last is how HAM10000 was stored
at first."""


def centered_on_support(support: Tensor, labels: Tensor, queries: Tensor) -> Tensor:
    """The benchmark's `prototype`: probabilities (Q, N) of queries (Q, F), given a support (n, F) with labels (n,)."""
    return heads.prototype(support, labels, len(CLASSES)).predict(queries)


def not_centered(support: Tensor, labels: Tensor, queries: Tensor) -> Tensor:
    """Cosine (Q, N) to each class's mean direction, of features that are centered already."""
    targets = heads.one_hot(labels, len(CLASSES)).to(support)
    prototypes = targets.T @ functional.normalize(support, dim=1)
    return functional.normalize(queries, dim=1) @ functional.normalize(prototypes, dim=1).T


def main() -> None:
    """Measure every cut and center, and write one JSON file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with ham10000.zip")
    parser.add_argument("--start", type=Path, required=True, help="ImageNet's V2-B0, safetensors")
    parser.add_argument("--episodes", type=int, default=600)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    given = parser.parse_args()
    one = read_benchmark_set(given.data / "ham10000.zip")
    pool = limited(one.pictures, MOST, SEED)
    labels, groups = [own.label for own in pool], [own.group for own in pool]
    drawn = {
        shot: sample_episodes(
            labels,
            groups,
            n_way=len(CLASSES),
            n_shot=shot,
            n_query=QUERIES,
            n_episodes=given.episodes,
            seed=SEED,
            classes=CLASSES,
        )
        for shot in SHOTS
    }
    peer = load_peer(str(given.start), SIDE)
    result = {
        "settings": {
            "classes": CLASSES,
            "episodes": given.episodes,
            "queries": QUERIES,
            "image_size": SIDE,
            "seed": SEED,
            "most": MOST,
            "start_sha256": peer.sha256,
            "data_sha256": one.sha256,
            "episodes_sha256": digest_of([episodes_digest(own) for own in drawn.values()]),
        },
        "rows": [
            row
            for cut, side in CUTS.items()
            for row in by_center(cut, peer.features(cut_out(pool, side)), labels, drawn)
        ],
        **provenance(),
    }
    given.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def cut_out(pictures: Sequence[LabelledImage], side: int | None) -> Tensor:
    """The middle (P, 3, S, S) of pictures whose short side is `side`, or the whole pictures squashed, uint8."""
    if side is None:
        wholes = [picture.read(None).permute(1, 2, 0).numpy() for picture in pictures]
        squares = [Image.fromarray(own).resize((SIDE, SIDE), Image.BICUBIC) for own in wholes]
        return torch.stack([torch.from_numpy(np.array(own)).permute(2, 0, 1) for own in squares])
    edge = (side - SIDE) // 2
    middle = slice(edge, edge + SIDE)
    return torch.stack([picture.read(side)[:, middle, middle] for picture in pictures])


def by_center(
    cut: str, features: Tensor, labels: Sequence[str], drawn: Mapping[int, Sequence[Episode]]
) -> list[dict[str, Any]]:
    """A row for each center: accuracy in percent and half its 95 % interval, by the number of pictures a class.

    Args:
        cut: how pictures were cut.
        features: (P, F).
        labels: class of each of the P pictures.
        drawn: episodes by the number of pictures a class; their indices are rows of the features.
    """
    rows = []
    for name, values, classify in (
        ("support", features, centered_on_support),
        ("all pictures", features - features.mean(0), not_centered),
    ):
        row: dict[str, Any] = {"cut": cut, "center": name}
        for shot, episodes in drawn.items():
            right = []
            for episode in episodes:
                place = {own: column for column, own in enumerate(episode.classes)}
                asked, told = (
                    torch.tensor([place[labels[index]] for index in indices])
                    for indices in (episode.query, episode.support)
                )
                support, queries = values[list(episode.support)], values[list(episode.query)]
                said = classify(support, told, queries).argmax(1)
                right.append(100 * float((said == asked).double().mean()))
            found = mean_ci95(right)
            row[str(shot)] = [round(found.mean, 3), round(found.half_width, 3)]
        rows.append(row)
    return rows


if __name__ == "__main__":
    main()
