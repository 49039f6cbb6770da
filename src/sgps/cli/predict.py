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

from sgps.cli.console import progress_bars, say, ticker


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
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing on stderr.")] = False,
) -> None:
    """Classify pictures: the prediction, its confidence, and a calibrated probability for each class.

    Typicality is the share of pictures like the support's that are at least as strange. A warning names those below 1 in 20.
    """
    from sgps.images import read_images
    from sgps.target.checkpoint import TargetNetwork
    from sgps.target.typicality import ATYPICAL, atypical_in_words

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
        say(atypical_in_words(strange), quiet)
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
    table = Table("image", "prediction", "confidence", "typicality", *names)
    for image, name, confidence, typical, row in rows:
        shown = "unknown" if typical is None else f"{typical:.0%}"
        table.add_row(image, name, f"{confidence:.1%}", shown, *(f"{p:.1%}" for p in row))
    # Without markup and emoji: a name such as `scan[left]:x:.png` must come out as it is.
    Console(markup=False, emoji=False).print(table)


_PRINTERS = {Format.table: _print_table, Format.json: _print_json, Format.csv: _print_csv}
