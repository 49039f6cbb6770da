"""Keep the answers of a run in a folder, block by block, so that a run which was stopped goes on where it stood.

In: what identifies the run, and finished blocks. Out: a folder with `run.json` and one safetensors file a block, under the
names of its set and part. A folder belongs to one run: one of other settings is refused. Where several machines share
the work, all must see the folder under the same name.

Shapes: E episodes of a block, R queries and outside pictures, N classes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from sgps.errors import InputError, listing
from sgps.evaluation.shards import Answers, Block, Given, Part
from sgps.files import write_whole

_RUN = "run.json"
_SHOWN = 40
"""Letters of a value in a message."""


@dataclass(frozen=True)
class WorkFolder:
    """A folder of finished blocks."""

    path: Path
    """Made when it is claimed."""

    def claim(self, run: Mapping[str, str]) -> None:
        """Take the folder for a run, or go on with it if it is this run's.

        Args:
            run: what identifies it, such as `engine_digest`.

        Raises:
            InputError: it is another run's, or no work folder, or cannot be written.
        """
        file = self.path / _RUN
        try:
            if file.is_file():
                self._compare(json.loads(file.read_text("utf-8")), run)
                return
            self.path.mkdir(parents=True, exist_ok=True)
            if any(self.path.iterdir()):
                raise InputError(
                    f"'{self.path}' is no work folder of sgps benchmark. Give a new or an empty one."
                )
            write_whole(file, (json.dumps(dict(run), indent=2) + "\n").encode("utf-8"))
        except OSError as error:
            raise InputError(
                f"cannot use '{self.path}' as a work folder: {error.strerror or error}."
            ) from error
        except ValueError as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"'{file}' is damaged. Remove '{self.path}'.") from error

    def _compare(self, kept: Mapping[str, str], run: Mapping[str, str]) -> None:
        differing = [
            f"{key} ({_short(kept.get(key))} there, {_short(run.get(key))} here)"
            for key in sorted({*kept, *run})
            if kept.get(key) != run.get(key)
        ]
        if differing:
            raise InputError(
                f"'{self.path}' holds another run: it differs in {listing(differing)}. Give another folder or remove it."
            )

    def load(self, set_name: str, part: Part, block: Block) -> Answers | None:
        """A block's answers, if it is finished.

        Raises:
            InputError: its file is damaged.
        """
        path = self._file(set_name, part, block)
        if not path.exists():
            return None
        try:
            arrays = load_file(path)
            answers: Answers = {}
            for method, count in part.counts.items():
                episodes = range(block.first, min(block.last, count))
                costs = arrays[f"{method} costs"].reshape(len(episodes), 3)
                answers[method] = [
                    Given(arrays[f"{method} {index}"], float(own[0]), float(own[1]), int(own[2]))
                    for index, own in zip(episodes, costs, strict=True)
                ]
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise InputError(
                f"'{path}' is damaged. Remove it, and its episodes are answered anew."
            ) from error
        return answers

    def save(self, set_name: str, part: Part, block: Block, answers: Answers) -> None:
        """Keep a finished block.

        Raises:
            InputError: it cannot be written.
        """
        arrays = {}
        for method, given in answers.items():
            costs = [(own.fit_seconds, own.predict_seconds, own.size_bytes) for own in given]
            arrays[f"{method} costs"] = np.array(costs, dtype=np.float64).reshape(len(given), 3)
            for index, own in enumerate(given, start=block.first):
                arrays[f"{method} {index}"] = np.ascontiguousarray(own.rows)
        path = self._file(set_name, part, block)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, save(arrays))
        except OSError as error:
            raise InputError(f"cannot write '{path}': {error.strerror or error}.") from error

    def _file(self, set_name: str, part: Part, block: Block) -> Path:
        # Parts of a file of episodes may be called anything.
        name = re.sub(r"[^0-9a-z]+", "-", part.name.lower()).strip("-")
        folder = self.path / set_name / f"{block.part}-{name or 'episodes'}"
        return folder / f"{block.first:06}-{block.last - 1:06}.safetensors"


def _short(value: str | None) -> str:
    if value is None:
        return "nothing"
    return value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…"
