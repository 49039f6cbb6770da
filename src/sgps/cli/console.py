"""What the commands share: progress and warnings on stderr, and the device choice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from itertools import count

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)


class Device(StrEnum):
    """Where networks run; `auto` takes a GPU if there is one."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


OnProgress = Callable[[str, int, int | None], None]
"""Called with a step's name, how much of it is done, and how much there is (None: not known)."""


@contextmanager
def bars(quiet: bool, *more: ProgressColumn) -> Iterator[Progress]:
    """Bars on stderr, with further columns if given; nothing when `quiet`."""
    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        *more,
        console=Console(stderr=True),
        disable=quiet,
    )
    progress.start()
    try:
        yield progress
    except BaseException:
        # What went wrong is said in one line, alone: without the bars, and the empty line that progress.stop() adds.
        progress.live.transient = True
        progress.live.stop()
        raise
    progress.stop()


@contextmanager
def progress_bars(quiet: bool) -> Iterator[OnProgress]:
    """A bar for each step, on stderr; silent when `quiet`."""
    with bars(quiet) as progress:
        tasks = {}

        def on_progress(step: str, done: int, total: int | None) -> None:
            if step not in tasks:
                tasks[step] = progress.add_task(step, total=total)
            progress.update(tasks[step], completed=done)

        yield on_progress


def ticker(on_progress: OnProgress, step: str, total: int | None = None) -> Callable[[], None]:
    """Return a function that counts one more of a step's `total` at each call."""
    done = count(1)
    return lambda: on_progress(step, next(done), total)


def warn(text: str) -> None:
    """One line on stderr, also where progress is not wanted: the result may mean something else than it seems to."""
    say(f"warning: {text}", quiet=False)


def say(text: str, quiet: bool) -> None:
    """One line on stderr, unless `quiet`."""
    if not quiet:
        Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False).print(text)
