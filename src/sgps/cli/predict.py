"""`sgps predict`: classify pictures with a saved classifier."""

from __future__ import annotations

import csv
import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from sgps.cli.console import progress_bars, ticker


class Format(StrEnum):
    """How predictions are printed."""

    table = "table"
    json = "json"
    csv = "csv"


def predict(
    model: Annotated[Path, typer.Argument(help="Folder of a synthesized classifier.")],
    images: Annotated[list[Path], typer.Argument(help="Pictures to classify.")],
    output_format: Annotated[
        Format, typer.Option("--format", help="How to print the predictions.")
    ] = Format.table,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> None:
    """Classify pictures: the prediction, its confidence, and a calibrated probability for each class."""
    from sgps.images import read_images
    from sgps.target.checkpoint import TargetNetwork

    network = TargetNetwork.load(model)
    with progress_bars(quiet) as on_progress:
        tick = ticker(on_progress, "reading", len(images))
        pictures = read_images(images, network.preprocessing.image_size, tick)
    probabilities = network.probabilities(pictures).tolist()
    names = network.class_names
    rows = []
    for path, row in zip(images, probabilities, strict=True):
        best = max(range(len(names)), key=row.__getitem__)
        rows.append((str(path), names[best], row[best], row))
    if output_format is Format.json:
        content = [
            {
                "image": path,
                "prediction": name,
                "confidence": confidence,
                "probabilities": dict(zip(names, row, strict=True)),
            }
            for path, name, confidence, row in rows
        ]
        print(json.dumps(content, indent=2, ensure_ascii=False))
    elif output_format is Format.csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(["image", "prediction", "confidence", *names])
        for path, name, confidence, row in rows:
            writer.writerow([path, name, f"{confidence:.6f}", *(f"{p:.6f}" for p in row)])
    else:
        table = Table("image", "prediction", "confidence", *names)
        for path, name, confidence, row in rows:
            table.add_row(path, name, f"{confidence:.1%}", *(f"{p:.1%}" for p in row))
        Console().print(table)
