"""What can be said of one kind of drawings: its attributes, their values, and the phrases for each value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """What can differ in one kind of drawing."""

    subjects: tuple[str, ...]
    """Nouns for the thing itself."""
    values: Mapping[str, Mapping[str, tuple[str, ...]]]
    """Attribute to value to phrases. A phrase follows "with"; those of `color` are adjectives."""
    strong: tuple[str, ...]
    """Attributes one of which always tells the classes apart: the others alone are hard to see in a small picture."""
    conflicts: tuple[tuple[str, ...], ...]
    """Rules on values: the first one never goes with any of the others."""

    def clash(self, values: Iterable[str]) -> bool:
        """Tell whether any two of the values never go together."""
        pairs = {frozenset((first, other)) for first, *others in self.conflicts for other in others}
        return any(frozenset(pair) in pairs for pair in combinations(values, 2))
