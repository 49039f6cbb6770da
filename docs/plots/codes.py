"""Draw what the generator decides, as heat maps of tasks by stages, with matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from plots.drawing import BLUE, ORANGE
from plots.numbers import Numbers

_NOTHING = "#F2F2F2"
"""Color of zero, so that an empty map is seen to be one."""
_SHORT = {"stem": "s", "last convolution": "c"}


def draw_codes(numbers: Numbers) -> Figure:
    """Above a map for each expert, on one scale; below the channel scales, and what of them is the task's own."""
    experts: Mapping[str, Any] = numbers["experts"]
    figure = Figure(figsize=(7, 5.2), layout="constrained")
    parts = figure.subfigures(2 if experts else 1, 1, hspace=0.05, squeeze=False)[:, 0]
    if experts:
        top = max(value for rows in experts.values() for row in rows for value in row) or 1.0
        panels = parts[0].subplots(1, len(experts), sharey=True, squeeze=False)[0]
        for axes, (name, rows) in zip(panels, experts.items(), strict=True):
            drawn = _map(axes, rows, top, BLUE)
            axes.set_title(name)
        _label(panels[0], numbers)
        for axes in panels:
            _stages(axes, numbers["stages"])
        _bar(parts[0], drawn, panels, "step towards the expert")
    panels = parts[-1].subplots(1, 2, sharey=True)
    titles = {"scales": "channel scales", "scales_apart": "what is not the same for all tasks"}
    for axes, (key, title) in zip(panels, titles.items(), strict=True):
        rows = [[100 * value for value in row] for row in numbers[key]]
        top = max(max(row) for row in rows) or 1.0
        drawn = _map(axes, rows, top, ORANGE)
        axes.set_title(title)
        _stages(axes, numbers["stages"])
        _bar(parts[-1], drawn, [axes], "change, %")
    _label(panels[0], numbers)
    return figure


def _map(axes: Any, rows: Sequence[Sequence[float]], top: float, color: str) -> Any:  # noqa: ANN401
    """A heat map from zero on, the first row above."""
    colors = LinearSegmentedColormap.from_list("codes", [_NOTHING, color], N=64)
    drawn = axes.pcolormesh(rows, cmap=colors, vmin=0, vmax=top, edgecolors="white", linewidth=0.7)
    axes.set_ylim(len(rows), 0)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    return drawn


def _bar(part: Any, drawn: Any, panels: Sequence[Any], title: str) -> None:  # noqa: ANN401
    """The scale of colors of these panels, to their right."""
    bar = part.colorbar(drawn, ax=list(panels), aspect=25, pad=0.02, ticks=MaxNLocator(4))
    bar.set_label(title)
    bar.outline.set_visible(False)


def _label(axes: Any, numbers: Numbers) -> None:  # noqa: ANN401
    """Name the tasks."""
    tasks = numbers["tasks"]
    axes.set_yticks([place + 0.5 for place in range(len(tasks))], tasks, fontsize=8)


def _stages(axes: Any, stages: Sequence[str]) -> None:  # noqa: ANN401
    """Name the stages."""
    names = [_SHORT.get(name, name.removeprefix("stage ")) for name in stages]
    axes.set_xticks([place + 0.5 for place in range(len(names))], names, fontsize=7)
