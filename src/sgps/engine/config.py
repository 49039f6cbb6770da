"""Everything that decides the shape and behaviour of an engine, as one dataclass and one JSON file."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from sgps.errors import InputError, listing

FORMAT_VERSION = 4
"""Version of the engine's files; a reader refuses any other."""
ENGINE_PARTS: tuple[str, ...] = ("memory", "lexicon", "experts", "channel-scales")
"""Parts of an engine that synthesis can do without: the memory of known classes, the lexicon, and of what the generator adds
to its base, the steps towards experts and the channel scales."""


@dataclass(frozen=True, kw_only=True)
class EngineConfig:
    """Configuration of an engine."""

    name: str
    """Name that classifiers synthesized by this engine carry."""
    architecture: str = "tf_efficientnetv2_b0"
    """Target network, by timm's name; the engine's own base and experts are networks of it too."""
    image_size: int = 128
    """Side of the square input of base and target network, in pixels."""
    experts: tuple[str, ...] = ()
    """Names of the expert directions."""
    tapped_stages: tuple[int, ...] = (3, 5)
    """Block stages whose averaged maps describe a picture, beside the pooled feature."""
    text_width: int = 495
    """Length of a description's embedding."""
    width: int = 96
    """Width of class, task and query tokens."""
    heads: int = 4
    """Attention heads of the task encoder and the weight generator."""
    layers: int = 2
    """Self-attention layers of the task encoder."""
    rank: int = 4
    """Number of learned directions of each tensor's channel scales."""
    views: int = 4
    """Fixed mirror images and turns of each support picture that the head is computed from (1 to 8)."""
    metric_rank: int = 128
    """Number of directions of large within-class spread that the head's metric knows."""
    metric_floor: float = 200.0
    """Spread, relative to the small directions', that the metric adds to every direction at one shot."""
    metric_decay: float = 2.0
    """How fast that floor falls with the number of shots: `metric_floor / shots ** metric_decay`."""
    expert_step: float = 0.4
    """How far a task that is wholly familiar to an expert moves towards it, before the generator's choice per tensor."""
    known_classes: tuple[str, ...] = ()
    """Classes of the memory, as `set/class`."""
    known_experts: tuple[int, ...] = ()
    """For each of them the place of the expert that has learned it best, -1 if none has."""
    lexicon: tuple[str, ...] = ()
    """Values that drawings taught the lexicon, as `kind/attribute/value`."""

    def to_json(self) -> str:
        """Text of `config.json`."""
        content = {"format_version": FORMAT_VERSION, **dataclasses.asdict(self)}
        return json.dumps(content, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str) -> EngineConfig:
        """Read `config.json`.

        Raises:
            InputError: not JSON, another format version, or unknown or missing keys.
        """
        try:
            content: dict[str, Any] = dict(json.loads(text))
        except (ValueError, TypeError):
            raise InputError(
                f"{where} is not the configuration of an engine (not a JSON object)."
            ) from None
        version = content.pop("format_version", None)
        if version != FORMAT_VERSION:
            raise InputError(
                f"{where} has format version {version}; this sgps reads version {FORMAT_VERSION}. Update sgps or the engine."
            )
        known = {f.name for f in dataclasses.fields(cls)}
        wrong = sorted(set(content) ^ known)
        if wrong:
            raise InputError(f"{where} has unknown or missing keys: {listing(wrong)}.")
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in content.items()
        }
        return cls(**values)
