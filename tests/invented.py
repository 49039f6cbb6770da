"""Result files of methods that were never run: their answers are drawn, everything around them is the benchmark's own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from sgps.evaluation.networks import Networks
from sgps.evaluation.plans import draw_parts
from sgps.evaluation.protocols import load_protocol
from sgps.evaluation.report import report
from sgps.evaluation.scores import Answer, score
from sgps.evaluation.sets import BenchmarkSet
from sgps.evaluation.settings import settings_of
from sgps.labelled import LabelledImage

SKIN = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
SETS = {
    "isic2018-novel": {"ham10000": SKIN},
    "isic2018-5way": {"ham10000": SKIN},
    "cross-modality": {"cxr_talo": ("a", "b", "c"), "pbc_8": ("a", "b", "c", "d", "e", "f")},
}
SKILL = {"sgps": 1.0, "ridge": 0.6, "ridge@engine": 1.2, "self-training": 0.3, "finetune": 0.5}
SKILL |= {"sgps-no-text": 1.0, "sgps-text-only": 0.0, "ridge@base": 0.8, "chance": 0.0}
"""How far the true class stands out with one picture a class."""
FEW = {"finetune": 3, "sgps-no-text": 4, "sgps-text-only": 4}
"""Episodes of methods that answer fewer."""


def _set(name, classes, count):
    pictures = tuple(
        LabelledImage(f"{label}/{number}", label, f"{label}/{number}", lambda _side: None)
        for label in classes
        for number in range(count)
    )
    return BenchmarkSet(name=name, pictures=pictures, descriptions={}, sha256=f"{name:0<64}")


def _answers(method, one, episodes, skill, shot):
    # The same noise for all methods, so that their differences hang on their skill.
    for index, episode in enumerate(episodes):
        random = np.random.default_rng([index, shot, len(episode.query)])
        labels = np.array([episode.classes.index(one.pictures[row].label) for row in episode.query])
        logits = random.normal(size=(len(labels) + len(episode.outside), len(episode.classes)))
        logits[np.arange(len(labels)), labels] += skill * shot**0.4
        rows = np.exp((0 if method == "chance" else 1.5) * logits)
        rows /= rows.sum(axis=1, keepdims=True)
        yield Answer(
            probabilities=rows[: len(labels)],
            labels=labels,
            outside=rows[len(labels) :],
            classes=episode.classes,
            names=tuple(one.pictures[row].name for row in episode.query),
            fit_seconds=(20.0 if method == "finetune" else 0.1 + 0.3 * (method == "sgps")) * shot,
            predict_seconds=0.5,
            size_bytes=24_000_000,
        )


def results_of(protocol, episodes=6, skill=SKILL, few=FEW, sets=None, pictures=80):
    """What `sgps benchmark --protocol` would give."""
    chosen = load_protocol(protocol, episodes)
    own = [_set(name, labels, pictures) for name, labels in (sets or SETS[protocol]).items()]
    drawn = draw_parts(own, chosen.plans)
    parts = {}
    for part, plan in chosen.plans.items():
        limited = replace(plan, limits=few)
        settings = settings_of(
            own, drawn[part], list(skill), limited, networks=Networks(), jobs=2, backend="loky"
        )
        settings |= {"engine_digest": "e" * 64, "engine_image_size": 128, "image_size": 128}
        settings["git_commit"] = "c" * 40
        blocks = {}
        for one, found in zip(own, drawn[part], strict=True):
            scores = {
                method: score(
                    list(_answers(method, one, found[: few.get(method)], own_skill, plan.shot))
                )
                for method, own_skill in skill.items()
            }
            blocks[one.name] = scores
        alone = len(blocks) == 1
        block = report(list(blocks.values()), per_episode=alone)
        if not alone:
            block["sets"] = {name: report([one], per_episode=True) for name, one in blocks.items()}
        # As it is read from a file.
        parts[part] = json.loads(json.dumps({"settings": settings} | block))
    return {"protocol": {"name": chosen.name, "title": chosen.title}, "parts": parts}


def codes_of():
    """What `results/probe_codes.py` might give, of a network of two stages and one expert."""
    places = ((0, "conv", 0.03, 0.0009, 0.0001), (0, "shift", 0.01, 0.0, 0.0))
    places += ((1, "pointwise", 0.2, 0.0016, 0.0016), (1, "pointwise", 0.1, -0.0004, 0.0004))
    tensors = [
        {
            "name": str(number),
            "stage": stage,
            "kind": kind,
            "change": change,
            "between": between,
            "within": within,
            "between_without_experts": between / 4,
        }
        for number, (stage, kind, change, between, within) in enumerate(places)
    ]
    head = [{"name": "classifier.weight", "between": 0.16, "within": 0.48}]
    own = {"familiarity": {"skin": 0.5}, "experts": {"skin": [0.2, 0.1]}}
    own |= {"scales": [0.03, 0.02], "scales_apart": [0.01, 0.0]}
    return {
        "settings": {"episodes": 4, "shot": 5, "seed": 0, "image_size": 128}
        | {"engine_digest": "e" * 64},
        "stages": ["stem", "last convolution"],
        "tasks": {"novel 3-way": own, "pbc_8 5-way": own | {"experts": {"skin": [0.0, 0.0]}}},
        "tensors": tensors,
        "classifier": {"way": 5, "tasks": ["pbc_8 5-way", "wound_azh 5-way"], "tensors": head},
        "git_commit": "c" * 40,
    }


def write(folder: Path, **results) -> None:
    """Write result files; an underscore of a name is a dash in the file's."""
    for name, content in results.items():
        path = folder / f"{name.replace('_', '-')}.json"
        path.write_text(json.dumps(content), encoding="utf-8")
