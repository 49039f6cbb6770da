"""Log a run's numbers, so that a resumed run's log reads like an uninterrupted one's.

In: a stage, a step and named numbers. Out: a CSV file, and TensorBoard's event files.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

_COLUMNS = ["stage", "step", "name", "value"]


class Log:
    """The log of a run: `log.csv`, one row a number, and the same numbers for TensorBoard in `tensorboard/STAGE`."""

    def __init__(self, out: Path) -> None:
        """Remember where the log lies; nothing is written yet."""
        self.path = out / "log.csv"
        self._boards = out / "tensorboard"
        self._board: tuple[str, SummaryWriter] | None = None

    def append(self, stage: str, step: int, numbers: Mapping[str, float]) -> None:
        """Add the numbers of one step."""
        is_new = not self.path.exists()
        with self.path.open("a", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            if is_new:
                writer.writerow(_COLUMNS)
            writer.writerows([stage, step, name, f"{value:.6g}"] for name, value in numbers.items())
        board = self._board_of(stage, step)
        for name, value in numbers.items():
            board.add_scalar(name, value, step)
        board.flush()

    def _board_of(self, stage: str, step: int) -> SummaryWriter:
        """TensorBoard's writer of a stage; what it holds of this step and later ones no longer counts."""
        if self._board is None or self._board[0] != stage:
            from torch.utils.tensorboard import SummaryWriter

            if self._board is not None:
                self._board[1].close()
            self._board = (stage, SummaryWriter(str(self._boards / stage), purge_step=step))
        return self._board[1]

    def forget(self, stage: str, after: int) -> None:
        """Drop the rows of a stage that lie beyond step `after`: the run is about to write them again."""
        if not self.path.exists():
            return
        with self.path.open(newline="", encoding="utf-8") as stream:
            rows = [row for row in csv.reader(stream) if len(row) == len(_COLUMNS)]
        kept = [row for row in rows if row[0] != stage or int(row[1]) <= after]
        partial = self.path.with_suffix(".partial")
        with partial.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows(kept)
        partial.replace(self.path)
