"""`sgps pretrain`: make an engine from a recipe; can be stopped and resumed at any time."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def pretrain(
    recipe: Annotated[Path, typer.Argument(help="Recipe (TOML); several lie in recipes/.")],
    data: Annotated[
        Path | None, typer.Option(help="Folder of image sets.", show_default="the recipe's")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run.", show_default="runs/NAME")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a run stopped.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> None:
    """Pretrain an engine: base and experts, then generator and head. Dev classes are refused."""
    from sgps.pretraining.config import load_recipe
    from sgps.pretraining.run import Pretraining

    chosen = load_recipe(recipe)
    if data is not None:
        chosen = dataclasses.replace(chosen, data=data.resolve())
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[values]}"),
    )
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:
        bars = {}

        def on_progress(stage: str, done: int, total: int, row: Mapping[str, float]) -> None:
            values = "  ".join(f"{name} {value:.3g}" for name, value in row.items())
            if stage not in bars:
                bars[stage] = progress.add_task(stage, total=total, values=values)
            progress.update(bars[stage], completed=done, values=values)

        run = Pretraining(chosen, out or Path("runs") / chosen.name, resume, on_progress)
        engine = run.run()
    print(engine)
