"""Keep what the next engine is compared with: `python results/keep.py` writes `previous/` anew from the protocols' files here.

Of each file only the accuracies of `sgps` stay, with what tells the episodes apart. To be run before the files are made again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
FILES = ("isic2018-novel", "isic2018-5way", "cross-modality")


def kept(content: dict[str, Any]) -> dict[str, Any]:
    """The same file with nothing but the accuracies of `sgps`."""
    parts = {name: _kept_part(part) for name, part in content["parts"].items()}
    return {"protocol": content["protocol"], "parts": parts}


def _kept_part(part: dict[str, Any]) -> dict[str, Any]:
    sets = {name: _kept_set(block) for name, block in part.get("sets", {}).items()}
    return {"settings": part["settings"], **({"sets": sets} if sets else _kept_set(part))}


def _kept_set(block: dict[str, Any]) -> dict[str, Any]:
    return {"methods": {}, "per_episode": {"sgps": block["per_episode"]["sgps"]}}


def main() -> None:
    """Write the files."""
    for name in FILES:
        content = kept(json.loads((FOLDER / f"{name}.json").read_text("utf-8")))
        text = json.dumps(content, separators=(",", ":")) + "\n"
        (FOLDER / "previous" / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
