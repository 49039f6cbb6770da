"""`sgps predict`: classify pictures with a saved classifier."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from sgps.cli.console import progress_bars, ticker, warn
from sgps.errors import MAX_NAMED

_ROOM = 36
"""Characters that the columns of classes may take in the table, so that at 80 a line the pictures' names keep a dozen. Four short
names fit; where they do not, the likeliest classes are shown in one column."""
_LIKELIEST = 3
_ANY_WIDTH = 100_000
"""Characters a line of a table that goes into a file or another program, which has no width to keep to."""


class Format(StrEnum):
    """How predictions are printed."""

    table = "table"
    json = "json"
    csv = "csv"


Row = tuple[str, str, float, float | None, list[float]]
"""Path of a picture, name of the likeliest class, its probability, its typicality, and the probabilities of all classes."""


def predict(
    model: Annotated[Path, typer.Argument(help="Folder of a synthesized classifier.")],
    images: Annotated[list[Path], typer.Argument(help="Pictures to classify.")],
    output_format: Annotated[
        Format, typer.Option("--format", help="How to print the predictions.")
    ] = Format.table,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> None:
    """Classify pictures: the prediction, and a probability for each class; the likeliest three where a table has no room for all.

    Typicality, in the table and in json, is the share of pictures like the support's that are at least as strange. A warning
    tells how many are below 1 in 20, and names the first of them.
    """
    from sgps.images import read_images, refuse_undecodable
    from sgps.target.checkpoint import TargetNetwork
    from sgps.target.typicality import ATYPICAL, atypical_in_words

    refuse_undecodable(map(str, images))
    network = TargetNetwork.load(model)
    with progress_bars(quiet) as on_progress:
        tick = ticker(on_progress, "reading", len(images))
        pictures = read_images(images, network.preprocessing.image_size, tick)
    probabilities, typicality = network.classify(pictures)
    typical = [None] * len(images) if typicality is None else typicality.tolist()
    names = network.class_names
    rows: list[Row] = []
    for path, own, row in zip(images, typical, probabilities.tolist(), strict=True):
        best = max(range(len(names)), key=row.__getitem__)
        rows.append((str(path), names[best], row[best], own, row))
    if strange := [row[0] for row in rows if row[3] is not None and row[3] < ATYPICAL]:
        cut = output_format is Format.csv and len(strange) > MAX_NAMED
        more = " --format table or json shows the typicality of each." if cut else ""
        warn(f"{atypical_in_words(strange)}{more}")
    _PRINTERS[output_format](rows, names)


def _print_json(rows: Sequence[Row], names: Sequence[str]) -> None:
    content = [
        {
            "image": image,
            "prediction": name,
            "confidence": confidence,
            "typicality": typical,
            "probabilities": dict(zip(names, row, strict=True)),
        }
        for image, name, confidence, typical, row in rows
    ]
    print(json.dumps(content, indent=2, ensure_ascii=False))


def _print_csv(rows: Sequence[Row], names: Sequence[str]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["image", "prediction", "confidence", *names])
    for image, name, confidence, _, row in rows:
        writer.writerow([image, name, f"{confidence:.6f}", *(f"{p:.6f}" for p in row)])


def _print_table(rows: Sequence[Row], names: Sequence[str]) -> None:
    all_fit = sum(max(len(name), len("100.0%")) + len(" | ") for name in names) <= _ROOM
    table = Table(show_lines=not all_fit)
    for column in ("image", "prediction", "typicality", *(names if all_fit else ())):
        # Nothing is ever cut: what is too wide is folded, the widest column first.
        table.add_column(column, overflow="fold")
    for image, name, _, typical, row in rows:
        shown = "unknown" if typical is None else f"{typical:.0%}"
        if all_fit:
            table.add_row(image, name, shown, *(f"{p:.1%}" for p in row))
        else:
            table.add_row(image, _likeliest(names, row), shown)
    # Without markup and emoji: a name such as `scan[left]:x:.png` must come out as it is.
    console = Console(markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _ANY_WIDTH
    console.print(table)


def _likeliest(names: Sequence[str], row: Sequence[float]) -> str:
    """The likeliest classes, a line each."""
    order = sorted(range(len(names)), key=row.__getitem__, reverse=True)[:_LIKELIEST]
    return "\n".join(f"{row[index]:.1%} {names[index]}" for index in order)


_PRINTERS = {Format.table: _print_table, Format.json: _print_json, Format.csv: _print_csv}
