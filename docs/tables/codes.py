"""How much of the synthesized network depends on the task, by stage and by kind of tensor."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sgps.evaluation.dependence import Variance, mean_variance
from tables.cells import NOTHING, digest, number, table
from tables.reading import Results

_HEAD = (
    "part",
    "tensors",
    "differ between tasks",
    "change from the base, %",
    "between tasks, %",
    "without experts, %",
    "between episodes, %",
    "share between tasks, %",
)
KINDS = {
    "conv": "full convolutions",
    "pointwise": "pointwise convolutions",
    "depthwise": "depthwise convolutions",
    "scale": "norm scales",
    "shift": "norm shifts",
    "bias": "other biases",
}


def codes(results: Results) -> str:
    """Rows of the stages, of the classifier, and of the kinds of tensors."""
    found = results.load("codes")
    tensors, classifier = found["tensors"], found["classifier"]

    def of(chosen: Callable[[Mapping[str, Any]], bool]) -> list[Mapping[str, Any]]:
        return list(filter(chosen, tensors))

    stages = enumerate(found["stages"])
    parts = {name: of(lambda one, at=place: one["stage"] == at) for place, name in stages}
    parts |= {"whole backbone": tensors, "classifier": classifier["tensors"]}
    kinds = {title: of(lambda one, own=kind: one["kind"] == own) for kind, title in KINDS.items()}
    rows = [_row(name, own) for name, own in (parts | kinds).items() if own]
    settings = found["settings"]
    below = (
        f"{settings['episodes']} episodes of each of {len(found['tasks'])} tasks, {settings['shot']} pictures a class, seed "
        f"{settings['seed']}, {settings['image_size']} px; engine {digest(settings['engine_digest'])}, commit "
        f"{digest(found['git_commit'])}; from `results/codes.json`, which `results/probe_codes.py` makes. All is relative to the "
        "root mean square of the tensor, and of the tensors of a part the root mean square is taken. Between tasks is what the "
        f"choice of episodes does not explain. The classifier's is among the {len(classifier['tasks'])} tasks of "
        f"{classifier['way']} classes, whose rows stand for other classes in each."
    )
    return "\n".join([*table(_HEAD, rows), "", below])


def _row(name: str, tensors: Sequence[Mapping[str, Any]]) -> list[str]:
    varied = mean_variance(Variance(one["between"], one["within"]) for one in tensors)
    backbone = "change" in tensors[0]
    changes = [one["change"] ** 2 for one in tensors] if backbone else []
    plain = [one["between_without_experts"] for one in tensors] if backbone else []
    return [
        name,
        str(len(tensors)),
        str(sum(one["between"] > 0 for one in tensors)),
        _percent(changes),
        _percent([varied.between]),
        _percent(plain),
        _percent([varied.within]),
        number(100 * varied.share, ".0f"),
    ]


def _percent(squares: Sequence[float]) -> str:
    """Root of the mean of these squares."""
    if not squares:
        return NOTHING
    return f"{100 * math.sqrt(max(sum(squares) / len(squares), 0)):.2f}"
