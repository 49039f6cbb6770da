"""Draw the figures of docs/results.md from results/*.json: `python docs/make_figures.py`. A test fails where they disagree.

matplotlib comes with the dependency group `docs`: `pip install --group docs`.

With `--results DIR --out DIR` from other files to another folder; `--png` beside the SVG, to look at.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from plots import numbers
from plots.numbers import Numbers
from tables.reading import ROOT, Results

FOLDER = ROOT / "docs" / "figures"


@dataclass(frozen=True)
class Picture:
    """A figure: where its numbers come from, and what is said of it."""

    numbers: Callable[[Results], Numbers]
    drawn_by: str
    """Module of `plots` and function there, which needs matplotlib; tests do without."""
    title: str
    caption: str
    place: str = "figures"
    """Of docs/results.md, where it is shown."""


FIGURES: Mapping[str, Picture] = {
    "shots": Picture(
        numbers.shots,
        "drawing.draw_shots",
        "Accuracy against pictures a class",
        "Accuracy against pictures a class on the novel classes, all three at once; bars are 95 % intervals over episodes.",
    ),
    "reliability": Picture(
        numbers.reliability,
        "drawing.draw_reliability",
        "Reliability diagram",
        "How often an answer is right against how sure it is, on the same classes, and how many answers are that sure; above the "
        "line is too unsure, below it too sure.",
    ),
    "costs": Picture(
        numbers.costs,
        "drawing.draw_costs",
        "Accuracy against seconds to a classifier",
        "Accuracy against the seconds from pictures to a classifier, on the same classes; named are sgps, the best of each kind, "
        "and all that take gradient steps (these on few episodes).",
    ),
    "codes": Picture(
        numbers.codes,
        "codes.draw_codes",
        "What the generator decides, by task and stage",
        "What the generator decides for each task (rows), stage by stage of the network (columns; s is the stem, c the last "
        "convolution): above, how far it goes from the base towards each expert, 1 being the expert itself; below, how much it "
        "scales channels (root mean square), and how much of that is not the same for all tasks.",
        place="codes",
    ),
}


def shown(results: Results, place: str = "figures") -> str:
    """Links to the figures of a place, with what they show."""
    own = {name: one for name, one in FIGURES.items() if one.place == place}
    chosen = {name: one for name, one in own.items() if one.numbers(results)}
    return "\n\n".join(
        f"![{one.title}](figures/{name}.svg)\n\n{one.caption}" for name, one in chosen.items()
    )


def stale(results: Results, folder: Path = FOLDER) -> list[str]:
    """Figures whose file is missing or drawn from other numbers than the results have now."""
    found = []
    for name, one in FIGURES.items():
        content = one.numbers(results)
        path = folder / f"{name}.svg"
        text = path.read_text("utf-8") if path.is_file() else ""
        if content and re.findall(r"sha256 ([0-9a-f]{64})", text) != [numbers.digest(content)]:
            found.append(name)
    return found


def main() -> None:
    """Draw every figure whose results are there."""
    from plots import drawing

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--results", type=Path, default=Results().folder)
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--png", action="store_true")
    options = parser.parse_args()
    results, folder = Results(options.results), options.out
    folder.mkdir(parents=True, exist_ok=True)
    for name, one in FIGURES.items():
        content = one.numbers(results)
        if content:
            with drawing.styled():
                module, _, function = one.drawn_by.partition(".")
                figure = getattr(import_module(f"plots.{module}"), function)(content)
                for suffix in (".svg", ".png") if options.png else (".svg",):
                    drawing.save(figure, content, folder / f"{name}{suffix}")


if __name__ == "__main__":
    main()
