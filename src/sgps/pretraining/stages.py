"""Advance one stage of a run to its end: log, checkpoints, resumption, Ctrl-C.

In: anything that has a step and a state, and the function that advances it. Out: that object at its last step, with its
checkpoint on disk.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from torch import Tensor

from sgps.errors import InputError
from sgps.files import write_whole
from sgps.pretraining.checkpoints import deferred_interrupt, load_checkpoint, save_checkpoint
from sgps.pretraining.logs import Log

OnProgress = Callable[[str, int, int, Mapping[str, float]], None]
"""Called with a stage's name, steps done, steps in all, and what is logged."""

LOG_EVERY = 10
"""Steps between two rows of the log; the last step has one, too."""


def is_logged(step: int, steps: int) -> bool:
    """Tell whether what a step found is logged."""
    return step % LOG_EVERY == 0 or step == steps


class Stage(Protocol):
    """What a stage must offer."""

    step: int

    def state_dict(self) -> dict[str, Tensor]:
        """Everything needed to go on."""
        ...

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from there."""
        ...


class StageRunner:
    """Runs the stages of one run, one after the other, in its folder."""

    def __init__(
        self,
        out: Path,
        digest_of: Callable[[str], str],
        checkpoint_minutes: float,
        on_progress: OnProgress,
        hardware: str,
        writes: bool = True,
    ) -> None:
        """Remember where checkpoints and the log lie; nothing is written yet.

        Args:
            out: folder of the run.
            digest_of: what the checkpoint of a stage, by its name, must have been made by.
            checkpoint_minutes: time between checkpoints.
            on_progress: hears of every step.
            hardware: what this part of the run is done on.
            writes: whether this process is the one that writes; the others only read.
        """
        self._out = out
        self._writes = writes
        self._digest_of = digest_of
        self._minutes = checkpoint_minutes
        self._on_progress = on_progress
        self._hardware = hardware
        self._log = Log(out)
        self._saved = self._counted = time.monotonic()

    def checkpoint_path(self, stage: str) -> Path:
        """Where a stage's checkpoint lies while it runs."""
        return self._out / f"{stage}.checkpoint.safetensors"

    def save(self, stage: str, state: Stage) -> None:
        """Write a stage's checkpoint."""
        if self._writes:
            save_checkpoint(state.state_dict(), self.checkpoint_path(stage), self._digest_of(stage))
            self.count_time()
        self._saved = time.monotonic()

    def count_time(self) -> dict[str, float]:
        """Add what has passed since this was last asked, or the run entered; return the hours of the run so far, by hardware.

        Time after the last checkpoint of a killed run is not counted: its work is done again.
        """
        path = self._out / "seconds.json"
        seconds: dict[str, float] = {}
        if path.exists():
            seconds = json.loads(path.read_text(encoding="utf-8"))
        now = time.monotonic()
        seconds[self._hardware] = seconds.get(self._hardware, 0.0) + now - self._counted
        self._counted = now
        rounded = {hardware: round(count, 1) for hardware, count in seconds.items()}
        write_whole(path, (json.dumps(rounded, indent=2) + "\n").encode())
        return {hardware: count / 3600 for hardware, count in seconds.items()}

    def run(
        self, stage: str, state: Stage, steps: int, advance: Callable[[], dict[str, float]]
    ) -> None:
        """Advance to the end from the stage's checkpoint, if there is one.

        Args:
            stage: name of the stage.
            state: what advances; at its first step unless there is a checkpoint.
            steps: number of steps in all.
            advance: does one step and returns what is logged of it.

        Raises:
            InputError: the checkpoint is damaged, or of another recipe or version.
            KeyboardInterrupt: Ctrl-C was pressed; the step was finished and saved.
        """
        self._restore(stage, state)
        if self._writes:
            self._log.forget(stage, state.step)
        with deferred_interrupt() as interrupted:
            while state.step < steps:
                numbers = advance()
                if self._writes and is_logged(state.step, steps):
                    self._log.append(stage, state.step, numbers)
                self._on_progress(stage, state.step, steps, numbers)
                is_late = time.monotonic() - self._saved >= 60 * self._minutes
                if is_late or interrupted.is_set() or state.step == steps:
                    self.save(stage, state)
                if interrupted.is_set():
                    raise KeyboardInterrupt

    def _restore(self, stage: str, state: Stage) -> None:
        path = self.checkpoint_path(stage)
        if not path.exists():
            return
        content = load_checkpoint(path, self._digest_of(stage))
        try:
            state.load_state_dict(content)
        except (KeyError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise InputError(
                f"{path} does not fit this version of sgps ({reason}). Remove it to start that stage again."
            ) from None
