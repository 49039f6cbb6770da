"""Draw figures with matplotlib, each from its numbers; the same numbers give the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from plots.numbers import ON_ENGINE, ON_IMAGENET, STEPS, Numbers, digest

# Okabe and Ito's colors, which color-blind people can tell apart.
BLUE, ORANGE, GREEN, PINK = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
GRAY, PALE = "#555555", "#BBBBBB"
STYLE = {
    "svg.hashsalt": "sgps",
    "svg.fonttype": "path",
    "font.size": 9,
    "font.family": "DejaVu Sans",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GRAY,
    "axes.labelcolor": GRAY,
    "xtick.color": GRAY,
    "ytick.color": GRAY,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "errorbar.capsize": 0,
}
MARKS = {"sgps": BLUE, "best on ImageNet V2-B0": ORANGE, "best peer": GREEN}
KINDS = {"sgps": BLUE, ON_IMAGENET: ORANGE, ON_ENGINE: GREEN, STEPS: PINK}
SHAPES = {"sgps": "o", ON_IMAGENET: "s", ON_ENGINE: "^", STEPS: "D"}


def save(figure: Figure, numbers: Numbers, path: Path) -> None:
    """Write a figure with the digest of its numbers in its metadata."""
    metadata = {"Date": None, "Creator": None, "Description": f"sha256 {digest(numbers)}"}
    figure.savefig(path, metadata=metadata if path.suffix == ".svg" else None, dpi=150)


def styled() -> Any:  # noqa: ANN401
    """The context in which figures are drawn and saved."""
    return mpl.rc_context(STYLE)


def _marked(best: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Methods that have a color: its color, and what it is called."""
    own = {"sgps": (BLUE, "sgps")}
    return own | {name: (MARKS[title], f"{name}\n{title}") for title, name in best.items()}


def _spread(places: Sequence[float], gap: float) -> list[float]:
    """Move labels up and down until all are a gap apart, as little as it takes."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    moved = list(places)
    for _ in range(200):
        for low, high in pairwise(order):
            lack = gap - (moved[high] - moved[low])
            if lack > 1e-9:
                moved[low] -= lack / 2
                moved[high] += lack / 2
    return moved


def draw_shots(numbers: Numbers) -> Figure:
    """Lines of accuracy over shots, named at their ends."""
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    shots, marked = numbers["shots"], _marked(numbers["best"])
    for name, line in numbers["methods"].items():
        if name not in marked:
            axes.plot(shots, line["accuracy"], color=PALE, linewidth=0.8, zorder=1)
    low = min(min(line["accuracy"]) for line in numbers["methods"].values())
    high = max(max(line["accuracy"]) for line in numbers["methods"].values())
    axes.set_ylim(min(low, numbers["chance"]) - 2, high + 4)
    ends = [numbers["methods"][name]["accuracy"][-1] for name in marked]
    labels = _spread(ends, (high - low) * 0.12)
    for (name, (color, title)), end in zip(marked.items(), labels, strict=True):
        line = numbers["methods"][name]
        bars = [half or 0.0 for half in line["ci95"]]
        axes.errorbar(
            shots, line["accuracy"], yerr=bars, color=color, marker="o", markersize=4, zorder=3
        )
        axes.annotate(
            title,
            (shots[-1], line["accuracy"][-1]),
            xytext=(shots[-1] * 1.08, end),
            color=color,
            va="center",
            annotation_clip=False,
        )
    axes.axhline(numbers["chance"], color=GRAY, linewidth=0.8, linestyle=":")
    axes.text(shots[0], numbers["chance"] + 0.6, "chance", color=GRAY, fontsize=8)
    axes.text(
        0.02, 0.97, "gray: all other comparison methods", color=GRAY, fontsize=8, va="top",
        transform=axes.transAxes,
    )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xticks(shots, [str(shot) for shot in shots])
    axes.minorticks_off()
    axes.set_xlim(shots[0] * 0.93, shots[-1] * 1.05)
    axes.set_xlabel("pictures a class")
    axes.set_ylabel("accuracy, %")
    return figure


def draw_reliability(numbers: Numbers) -> Figure:
    """Accuracy by confidence, and below it how many queries have it."""
    panels, marked = numbers["panels"], _marked(numbers["best"])
    figure = Figure(figsize=(7, 4.4), layout="constrained")
    grid = figure.subplots(
        2, len(panels), sharex=True, sharey="row", squeeze=False, height_ratios=(4, 1)
    )
    for place, panel in enumerate(panels):
        above, below = grid[0][place], grid[1][place]
        above.plot([0, 100], [0, 100], color=PALE, linewidth=0.8, zorder=1)
        for row, (name, (color, _)) in enumerate(marked.items()):
            bins = [one for one in panel["bins"][name] if one["count"]]
            total = sum(one["count"] for one in bins)
            sure = [100 * one["confidence"] for one in bins]
            right = [one["accuracy"] for one in bins]
            above.plot(sure, right, color=color, linewidth=1, zorder=3)
            sizes = [4 + 120 * one["count"] / total for one in bins]
            above.scatter(sure, right, s=sizes, color=color, linewidths=0, zorder=3)
            shares = [100 * one["count"] / total for one in bins]
            below.plot(sure, shares, color=color, linewidth=1)
            above.text(
                0.03, 0.97 - 0.075 * row, f"{name}   ECE {panel['ece'][name]:.3f}", color=color,
                va="top", transform=above.transAxes,
            )  # fmt: skip
        above.set_title(f"{panel['shot']} picture{'s' if panel['shot'] > 1 else ''} a class")
        above.set_xlim(0, 100)
        above.set_ylim(0, 100)
        below.set_xlabel("confidence, %")
    grid[1][0].set_ylim(bottom=0)
    grid[0][0].text(15, 10, "ideal", color=GRAY, fontsize=8, va="center")
    grid[0][0].set_ylabel("right answers, %")
    grid[1][0].set_ylabel("queries, %")
    return figure


def draw_costs(numbers: Numbers) -> Figure:
    """Points of accuracy over seconds to a classifier."""
    panels = numbers["panels"]
    figure = Figure(figsize=(7, 4.4), layout="constrained")
    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, panel in zip(grid, panels, strict=True):
        points = panel["points"]
        for name, point in points.items():
            axes.errorbar(
                point["seconds"],
                point["accuracy"],
                yerr=point["ci95"] or 0.0,
                color=KINDS[point["kind"]],
                marker=SHAPES[point["kind"]],
                markersize=6 if name == "sgps" else 4,
                elinewidth=0.8,
                zorder=4 if name == "sgps" else 3,
            )
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_title(f"{panel['shot']} picture{'s' if panel['shot'] > 1 else ''} a class")
        axes.set_xlabel("seconds to a classifier")
        axes.margins(x=0.18, y=0.08)
    grid[0].set_ylabel("accuracy, %")
    kinds = {point["kind"]: None for panel in panels for point in panel["points"].values()}
    keys = [
        Line2D([], [], color=KINDS[kind], marker=SHAPES[kind], markersize=4, linewidth=0)
        for kind in kinds
    ]
    legend = figure.legend(
        keys, list(kinds), loc="outside lower center", ncols=len(keys), frameon=False, fontsize=8
    )
    for text, kind in zip(legend.get_texts(), kinds, strict=True):
        text.set_color(KINDS[kind])
    figure.draw_without_rendering()
    for axes, panel in zip(grid, panels, strict=True):
        _label(axes, panel["points"])
    return figure


def _label(axes: Any, points: Mapping[str, Any]) -> None:  # noqa: ANN401
    """Name sgps, the best of each kind and all that take gradient steps, where they hide least."""
    kinds = {kind: [n for n, point in points.items() if point["kind"] == kind] for kind in KINDS}
    best = [max(own, key=lambda n: points[n]["accuracy"]) for own in kinds.values() if own]
    spots = [
        axes.transData.transform(
            (point["seconds"], point["accuracy"] + part * (point["ci95"] or 0))
        )
        for point in points.values()
        for part in (-1, -0.5, 0, 0.5, 1)
    ]
    frame, taken = axes.get_window_extent(), list[Any]()
    for name in [n for n in points if n in best or n in kinds[STEPS]]:
        point = points[name]
        choices = []
        for rank, (right, up) in enumerate(_SIDES):
            text = axes.annotate(
                name,
                (point["seconds"], point["accuracy"]),
                xytext=(right, up),
                textcoords="offset points",
                ha="left" if right > 0 else "right" if right < 0 else "center",
                va="bottom" if up > 0 else "top" if up < 0 else "center",
                fontsize=8,
                color=KINDS[point["kind"]],
            )
            box = text.get_window_extent()
            hidden = sum(box.contains(*spot) for spot in spots)
            wrong = sum(box.overlaps(other) for other in taken)
            wrong += not (frame.x0 <= box.x0 and box.x1 <= frame.x1 and box.y1 <= frame.y1)
            choices.append((30 * wrong + hidden, rank, text, box))
        _, rank, chosen, box = min(choices, key=lambda choice: choice[:2])
        for *_, text, _ in choices:
            if text is not chosen:
                text.remove()
        taken.append(box)
        if all(_SIDES[rank]):
            line = {"arrowstyle": "-", "linewidth": 0.5, "color": chosen.get_color(), "shrinkA": 0}
            at = {"xytext": _SIDES[rank], "textcoords": "offset points"}
            axes.annotate("", (point["seconds"], point["accuracy"]), **at, arrowprops=line)


_SIDES = [
    (round(far * right), round(far * up))
    for far in (6, 14, 24)
    for right, up in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
]
"""Where a label may stand: how far to the right and up of its point, in points; near ones first."""
