"""Keep of a folder of result files what another engine is compared with: `python results/keep.py [FROM TO]`.

Without arguments, of the files here into `previous/`, to be run before they are made again for the next engine. `again/` has what
the recipe gave when it was run once more, `cpu/` what `recipes/cpu.toml` gave. Of each file only the accuracies of `sgps` stay,
with what tells the episodes apart.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
FILES = ("isic2018-novel", "isic2018-5way", "cross-modality", "unlearned")
_HIDDEN = "sgps-no-own-set"
"""What sgps is measured as on sets that its memory must not know."""


def kept(content: dict[str, Any]) -> dict[str, Any]:
    """The same file with nothing but the accuracies of `sgps`."""
    parts = {name: _kept_part(part) for name, part in content["parts"].items()}
    return {"protocol": content["protocol"], "parts": parts}


def _kept_part(part: dict[str, Any]) -> dict[str, Any]:
    sets = {name: _kept_set(block) for name, block in part.get("sets", {}).items()}
    return {"settings": part["settings"], **({"sets": sets} if sets else _kept_set(part))}


def _kept_set(block: dict[str, Any]) -> dict[str, Any]:
    answers = block["per_episode"]
    name = _HIDDEN if _HIDDEN in answers else "sgps"
    return {"methods": {}, "per_episode": {name: answers[name]}}


def main(source: Path = FOLDER, target: Path = FOLDER / "previous") -> None:
    """Write the files of those that there are."""
    for name in FILES:
        if (source / f"{name}.json").exists():
            content = kept(json.loads((source / f"{name}.json").read_text("utf-8")))
            text = json.dumps(content, separators=(",", ":")) + "\n"
            (target / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
