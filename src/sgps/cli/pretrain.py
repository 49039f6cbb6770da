"""`sgps pretrain`: make an engine from a recipe; can be stopped and resumed at any time."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import TaskID, TextColumn

from sgps.cli.console import Device, bars, say


def pretrain(
    recipe: Annotated[Path, typer.Argument(help="Recipe (TOML); several lie in recipes/.")],
    data: Annotated[
        Path | None, typer.Option(help="Folder of image sets.", show_default="the recipe's")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run.", show_default="runs/NAME")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a run stopped.")] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Check everything, print the plan as JSON, do nothing."),
    ] = False,
    device: Annotated[Device, typer.Option(help="Where the networks run.")] = Device.auto,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> None:
    """Pretrain an engine: base and experts, then generator and head. Dev classes are refused.

    Several processes, on one machine or many, share a run that is started by torchrun or fabric run.
    """
    from sgps.pretraining.config import load_recipe
    from sgps.pretraining.parallel import Processes
    from sgps.pretraining.plan import plan
    from sgps.pretraining.run import Pretraining

    chosen = load_recipe(recipe)
    if data is not None:
        chosen = dataclasses.replace(chosen, data=data.resolve())
    processes = Processes(device.value)
    if dry_run:
        if processes.is_first:
            print(json.dumps(plan(chosen, processes.count), indent=2))
        return
    folder = out or Path("runs") / chosen.name
    try:
        with _bars(quiet or not processes.is_first) as on_progress:
            engine = Pretraining(chosen, folder, resume, on_progress, processes).run()
    except KeyboardInterrupt:
        say(
            "sgps: stopped. The same command with --resume goes on from the last checkpoint.", quiet
        )
        raise typer.Exit(130) from None
    if processes.is_first:
        print(engine)


@contextmanager
def _bars(quiet: bool) -> Iterator[Callable[[str, int, int, Mapping[str, float]], None]]:
    """A bar a stage, with the numbers of its latest step."""
    with bars(quiet, TextColumn("{task.fields[values]}", markup=False)) as progress:
        stages: dict[str, TaskID] = {}

        def on_progress(stage: str, done: int, total: int, numbers: Mapping[str, float]) -> None:
            values = "  ".join(f"{name} {value:.3g}" for name, value in numbers.items())
            if stage in stages:
                progress.update(stages[stage], completed=done, values=values)
            else:
                # Speed is counted from here, so that a resumed stage does not promise an end in no time.
                stages[stage] = progress.add_task(stage, total=total, completed=done, values=values)

        yield on_progress
