"""Write the tables of the documents from results/*.json: `python docs/make_tables.py`. A test fails where the two disagree."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from sgps.evaluation.metrics import Interval, mean_interval, paired_difference

ROOT = Path(__file__).parent.parent
PEERS = ("prototype", "ridge", "logistic")
AIMS = {
    ("novel", 1): "66",
    ("novel", 5): "82",
    ("5of7", 1): "48",
    ("5of7", 5): "65",
    ("otoscopy_otitis4", 1): "72",
    ("otoscopy_otitis4", 5): "86",
}
"""Accuracy that a ridge head on base and experts was to reach."""


def _load(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((ROOT / "results" / f"{name}.json").read_text("utf-8"))
    return content


def _cell(figures: dict[str, Any], key: str = "accuracy") -> str:
    return f"{figures[key]:.1f} ± {figures['ci95']:.1f}"


def _row(title: str, result: dict[str, Any]) -> str:
    """One line: sgps, the best peer, and the paired difference from that peer."""
    methods, paired = result["methods"], result["paired"]
    best = max(PEERS, key=lambda name: methods[name]["accuracy"])
    difference = paired[f"sgps-minus-{best}"]
    return (
        f"| {title} | {_cell(methods['sgps'])} | {_cell(methods[best])} ({best}) | "
        f"{difference['accuracy']:+.1f} ± {difference['ci95']:.1f} | {methods['sgps']['ece']:.3f} |"
    )


def number() -> str:
    """The one sentence with the honest number."""
    one, five = (_load(f"isic-novel-v2b0-{shot}shot") for shot in (1, 5))
    parts = []
    for shot, result in ((1, one), (5, five)):
        methods = result["methods"]
        best = max(PEERS, key=lambda name: methods[name]["accuracy"])
        parts.append(
            f"**{_cell(methods['sgps'])} %** with {shot} picture{'s' if shot > 1 else ''} a class "
            f"({best} on the same network's ImageNet features: {_cell(methods[best])})"
        )
    return (
        "On three skin diseases of HAM10000 that the engine has never seen (AKIEC, DF, VASC; chance 33), it is right for "
        f"{' and '.join(parts)}; {one['settings']['episodes']} episodes, 95 % intervals, lesions kept apart."
    )


def results() -> str:
    """The tables of all dev tasks."""
    lines = [
        "| dev task | sgps | best peer | paired difference | ECE of sgps |",
        "|---|---|---|---|---|",
    ]
    for backbone, name in (("v2b0", "ImageNet V2-B0"), ("lite0", "ImageNet Lite0")):
        for shot in (1, 5):
            result = _load(f"isic-novel-{backbone}-{shot}shot")
            lines.append(_row(f"HAM10000 akiec/df/vasc 3-way {shot}-shot, peers on {name}", result))
    for shot in (1, 5):
        for file, way in (("dev-5way", "5-way"), ("dev-all", "all classes")):
            sets = _load(f"{file}-{shot}shot")["sets"]
            lines += [_row(f"{name} {way} {shot}-shot", one) for name, one in sets.items()]
    settings = _load("isic-novel-v2b0-1shot")["settings"]
    few = _load("dev-5way-1shot")["settings"]["episodes"]
    lines += [
        "",
        f"{settings['episodes']} episodes of 15 queries a class for HAM10000, {few} for the rest; "
        "support and query never share a lesion or patient where known; ± is the 95 % interval over episodes; "
        f"peers read the same pictures at {settings['image_size']} px. "
        f"Engine `{settings['engine_digest'][:12]}`. From `results/*.json`.",
    ]
    return "\n".join(lines)


def _features(folder: str, shot: int) -> dict[str, dict[str, Any]]:
    """Results of the ridge head by task: HAM10000's two, then the six other dev sets."""
    tasks = {name: _load(f"{folder}features-{name}-{shot}shot") for name in ("novel", "5of7")}
    for file in ("all", "5way"):
        result = _load(f"{folder}features-{file}-{shot}shot")
        digests = {one["name"]: one["episodes_digest"] for one in result["settings"]["data"]}
        for name, one in result["sets"].items():
            tasks[name] = {**one, "digest": digests[name]}
    for name in ("novel", "5of7"):
        tasks[name]["digest"] = tasks[name]["settings"]["data"][0]["episodes_digest"]
    return tasks


def _paired(first: dict[str, Any], second: dict[str, Any], methods: tuple[str, str]) -> Interval:
    """Mean difference over episodes, in points; the episodes must be the same."""
    assert first["digest"] == second["digest"]
    one, two = first["per_episode"][methods[0]], second["per_episode"][methods[1]]
    return paired_difference(one, two)


def _mean(parts: list[Interval]) -> str:
    """Mean over tasks, each weighing the same, with its 95 % interval over episodes."""
    interval = mean_interval(parts)
    return f"{interval.mean:+.1f} ± {interval.half_width:.1f}"


def features() -> str:
    """What a ridge head reaches on ImageNet's features, the base's, and base and experts side by side."""
    lines = [
        "| task | shots | ImageNet V2-B0 | base | base and experts | aim | minus ImageNet | minus previous engine |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for shot in (1, 5):
        now, before = _features("", shot), _features("previous/", shot)
        gains, steps = {}, {}
        for name, one in now.items():
            gains[name] = _paired(one, one, ("ridge@engine", "ridge"))
            steps[name] = _paired(one, before[name], ("ridge@engine", "ridge@engine"))
            cells = [_cell(one["methods"][m]) for m in ("ridge", "ridge@base", "ridge@engine")]
            cells += [
                AIMS.get((name, shot), ""),
                _mean([gains[name]]),
                _mean([steps[name]]),
            ]
            lines.append(f"| {name} | {shot} | {' | '.join(cells)} |")
        six = [name for name in now if name not in {"novel", "5of7"}]
        for title, names in (("mean of the six other sets", six), ("mean of all", list(now))):
            aim = {1: "+6", 5: "+5"}[shot] if names is six else ""
            means = [
                statistics.fmean(now[name]["methods"][m]["accuracy"] for name in names)
                for m in ("ridge", "ridge@base", "ridge@engine")
            ]
            cells = [f"{mean:.1f}" for mean in means]
            cells += [
                aim,
                _mean([gains[n] for n in names]),
                _mean([steps[n] for n in names]),
            ]
            lines.append(f"| {title} | {shot} | {' | '.join(cells)} |")
    settings = _load("features-novel-1shot")["settings"]
    previous = _load("previous/features-novel-1shot")["settings"]
    lines += [
        "",
        f"{settings['episodes']} episodes of 15 queries a class, seed {settings['seed']}, {settings['image_size']} px, "
        f"the same episodes throughout; ± is the 95 % interval over episodes, of paired differences in the last two columns. "
        f"Engine `{settings['engine_digest'][:12]}`, commit `{settings['git_commit'][:12]}`; previous engine "
        f"`{previous['engine_digest'][:12]}`. From `results/features-*.json` and `results/previous/`.",
    ]
    return "\n".join(lines)


def words() -> str:
    """How often a description finds its entry of the catalogue."""
    probe = _load("words-probe")
    shown = ("sentence embedding, as shipped", "letters, tf-idf", "attributes", probe["chosen"])
    texts = ("expert", "plain", "terse")
    lines = [f"| represented by | {' | '.join(texts)} | mean |", "|---|---|---|---|---|"]
    for name in shown:
        one = probe["representations"][name]
        cells = [f"{one['queries'][text]:.2f}" for text in texts]
        lines.append(f"| {name} | {' | '.join(cells)} | {one['mean']:.3f} ± {one['ci95']:.3f} |")
    count = sum(probe["entries"].values())
    lines += [
        "",
        f"{count} entries, commit `{probe['git_commit'][:12]}`. From `results/words-probe.json`.",
    ]
    return "\n".join(lines)


def drawn() -> str:
    """What a linear probe reads in the drawings."""
    found = _load("drawn-probe")
    lines = [
        "| kind | attribute | values | accuracy | balanced | balanced, labels shuffled |",
        "|---|---|---|---|---|---|",
    ]
    for kind, attributes in found["probe"].items():
        for name, one in attributes.items():
            keys = ("accuracy", "balanced_accuracy", "shuffled_balanced_accuracy")
            cells = " | ".join(f"{100 * one[key]:.1f}" for key in keys)
            lines.append(f"| {kind} | {name} | {one['values']} | {cells} |")
    settings, speed = found["settings"], found["pictures_per_second"]
    rates = ", ".join(f"{kind} {one['two_processes']:.0f}" for kind, one in speed.items())
    lines += [
        "",
        f"{settings['pictures_per_kind']} pictures a kind at {settings['image_size']} px, {settings['learned_from']} to learn, "
        f"the rest to test; engine `{settings['engine_digest'][:12]}`, commit `{found['git_commit'][:12]}`. Pictures drawn "
        f"a second by two processes: {rates}. From `results/drawn-probe.json`.",
    ]
    return "\n".join(lines)


DOCUMENTS = {
    "README.md": {"number": number, "results": results},
    "docs/results.md": {"features": features},
    "docs/words.md": {"words": words, "drawn": drawn},
}
"""What this file fills in: places between `<!-- NAME -->` and `<!-- end of NAME -->`."""


def fill(document: str) -> str:
    """The document's text with its places filled in."""
    text = (ROOT / document).read_text("utf-8")
    for mark, content in DOCUMENTS[document].items():
        begin, end = f"<!-- {mark} -->", f"<!-- end of {mark} -->"
        before, found, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        assert found, f"{document} has no place for {mark}"
        assert ended, f"{document} has no end of {mark}"
        text = f"{before}{begin}\n{content()}\n{end}{after}"
    return text


if __name__ == "__main__":
    for document in DOCUMENTS:
        (ROOT / document).write_text(fill(document), "utf-8")
