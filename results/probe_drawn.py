"""Ask whether drawn pictures show what is said of them: `python results/probe_drawn.py --out results/drawn-probe.json`.

For each kind pictures are drawn with every attribute on its own, a linear probe learns each attribute from the engine's
pooled base features of three quarters of them and is asked for the rest; the same with shuffled labels is the control.
Also measured: pictures per second of the program that draws.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sgps.drawings.tasks import KINDS, draw_any
from sgps.engine.engine import Engine
from sgps.evaluation.provenance import provenance

SEED, SIDE, PENALTY, SHARE = 23, 128, 0.01, 0.75
TIMED = 300
"""Pictures of each kind whose drawing is timed, in each process."""


def main() -> None:
    """Draw, probe, time and write one JSON file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=2400, help="pictures of each kind")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--engine", default="default", help="engine: its name or folder")
    given = parser.parse_args()

    speed = {kind: _speed(kind) for kind in KINDS}
    engine = Engine.from_pretrained(given.engine, "cpu")
    result = {
        "settings": {
            "pictures_per_kind": given.pictures,
            "learned_from": int(given.pictures * SHARE),
            "image_size": SIDE,
            "seed": SEED,
            "engine": engine.config.name,
            "engine_digest": engine.digest,
            "probe": f"logistic regression on standardized base features, C={PENALTY}",
            "timed_pictures_per_kind": TIMED,
            "load_average": round(os.getloadavg()[0], 2),
        },
        "probe": {kind: _probe(engine, kind, given.pictures) for kind in KINDS},
        "pictures_per_second": speed,
        **provenance(),
    }
    given.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def _probe(engine: Engine, kind: str, count: int) -> dict[str, Any]:
    """Accuracy of each attribute's probe, with true and with shuffled labels."""
    first = KINDS.index(kind)
    drawn = [draw_any(SEED, first + len(KINDS) * number, SIDE) for number in range(count)]
    features = engine.base_features(torch.stack([picture for _, _, picture in drawn])).numpy()
    rng = np.random.default_rng(SEED)
    figures = {}
    for attribute in drawn[0][1]:
        labels = np.array([look[attribute] for _, look, _ in drawn])
        figures[attribute] = {
            "values": len(set(labels)),
            "commonest": round(float(max(np.unique(labels, return_counts=True)[1])) / count, 4),
            **_scores(features, labels, ""),
            **_scores(features, rng.permutation(labels), "shuffled_"),
        }
        sys.stderr.write(f"{kind} {attribute} {figures[attribute]}\n")
    return figures


def _scores(
    features: NDArray[np.float32], labels: NDArray[np.str_], prefix: str
) -> dict[str, float]:
    edge = int(len(labels) * SHARE)
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=PENALTY, max_iter=1000))
    said = probe.fit(features[:edge], labels[:edge]).predict(features[edge:])
    return {
        f"{prefix}accuracy": round(float(accuracy_score(labels[edge:], said)), 4),
        f"{prefix}balanced_accuracy": round(float(balanced_accuracy_score(labels[edge:], said)), 4),
    }


def _draw(kind: str, start: int, count: int) -> float:
    """Draw some pictures; the processor time that it took."""
    began = time.process_time()
    for number in range(start, start + count):
        draw_any(SEED, KINDS.index(kind) + len(KINDS) * number, SIDE)
    return time.process_time() - began


def _speed(kind: str) -> dict[str, float]:
    """Pictures per second: of processor time on one core, by the clock in one process and in two."""
    _draw(kind, 0, 10)
    began = time.perf_counter()
    used = _draw(kind, 0, TIMED)
    alone = time.perf_counter() - began
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.starmap(_draw, [(kind, 0, 10)] * 8, chunksize=1)  # imports are not timed
        began = time.perf_counter()
        pool.starmap(_draw, [(kind, 0, TIMED), (kind, TIMED, TIMED)], chunksize=1)
        both = time.perf_counter() - began
    return {
        "per_core_second": round(TIMED / used, 1),
        "one_process": round(TIMED / alone, 1),
        "two_processes": round(2 * TIMED / both, 1),
    }


if __name__ == "__main__":
    main()
