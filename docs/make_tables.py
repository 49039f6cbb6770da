"""Write the tables of README.md from results/*.json: `python docs/make_tables.py`. A test fails where the two disagree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PEERS = ("prototype", "ridge", "logistic")
MARKS = ("number", "results")
"""Names of the two places in README.md that this file fills, each between `<!-- NAME -->` and `<!-- end of NAME -->`."""


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
    one, five = (_load(f"isic-novel-{shot}shot-v2b0") for shot in (1, 5))
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
            result = _load(f"isic-novel-{shot}shot-{backbone}")
            lines.append(_row(f"HAM10000 akiec/df/vasc 3-way {shot}-shot, peers on {name}", result))
    for shot in (1, 5):
        for file, way in (("dev-5way", "5-way"), ("dev-all", "all classes")):
            sets = _load(f"{file}-{shot}shot")["sets"]
            lines += [_row(f"{name} {way} {shot}-shot", one) for name, one in sets.items()]
    settings = _load("isic-novel-1shot-v2b0")["settings"]
    few = _load("dev-5way-1shot")["settings"]["episodes"]
    lines += [
        "",
        f"{settings['episodes']} episodes of 15 queries a class for HAM10000, {few} for the rest; "
        "support and query never share a lesion or patient where known; ± is the 95 % interval over episodes; "
        f"peers read the same pictures at {settings['image_size']} px. "
        f"Engine `{settings['engine_digest'][:12]}`. From `results/*.json`.",
    ]
    return "\n".join(lines)


def fill(text: str) -> str:
    """Put both texts where `text` marks them."""
    for mark, content in zip(MARKS, (number(), results()), strict=True):
        begin, end = f"<!-- {mark} -->", f"<!-- end of {mark} -->"
        before, _, rest = text.partition(begin)
        after = rest.partition(end)[2]
        text = f"{before}{begin}\n{content}\n{end}{after}"
    return text


if __name__ == "__main__":
    README = ROOT / "README.md"
    README.write_text(fill(README.read_text("utf-8")), "utf-8")
