"""How episodes are drawn, the same way for every set, and how many of them each method answers.

In: `EpisodePlan`s by the name of the part that they measure, and sets. Out: the episodes of each part and set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sgps.errors import InputError, listing
from sgps.evaluation.episodes import Episode, sample_episodes
from sgps.evaluation.outside import with_outside
from sgps.evaluation.sets import BenchmarkSet

Drawn = Mapping[str, Sequence[Sequence[Episode]]]
"""Episodes by part and by the place of the set."""


@dataclass(frozen=True, kw_only=True)
class EpisodePlan:
    """How episodes are drawn, for every set alike."""

    way: int | None = None
    """Classes per episode; `None` takes all."""
    fewer: bool = False
    """Whether a set with fewer classes than `way` gives all that it has, instead of being refused."""
    shot: int = 5
    """Support pictures per class; 0 leaves methods to the descriptions."""
    query: int = 15
    """Query pictures per class, fewer where a class has no more; and as many of other classes in all."""
    episodes: int = 600
    """Episodes per set."""
    seed: int = 0
    """The i-th episode depends on this and i only."""
    classes: tuple[str, ...] | None = None
    """Draw from these only; `None` draws from all."""
    limits: Mapping[str, int] = field(default_factory=dict)
    """Methods that answer the first so many episodes only; `finetune` limits `finetune@lite0`, too."""

    def answered_by(self, method: str) -> int:
        """How many episodes a method answers."""
        base = method.partition("@")[0]
        limit = self.limits.get(method, self.limits.get(base, self.episodes))
        return min(limit, self.episodes)


def draw_parts(sets: Sequence[BenchmarkSet], plans: Mapping[str, EpisodePlan]) -> Drawn:
    """Draw the episodes of every part and set, outside pictures among them.

    Raises:
        InputError: a set cannot serve a plan.
    """
    return {part: [_draw(one, plan) for one in sets] for part, plan in plans.items()}


def _draw(one: BenchmarkSet, plan: EpisodePlan) -> list[Episode]:
    labels = [picture.label for picture in one.pictures]
    groups = [picture.group for picture in one.pictures]
    way = plan.way
    if way is not None and plan.fewer:
        way = min(way, len(set(plan.classes or labels)))
    try:
        episodes = sample_episodes(
            labels,
            groups,
            n_way=way,
            n_shot=plan.shot,
            n_query=plan.query,
            n_episodes=plan.episodes,
            seed=plan.seed,
            classes=plan.classes,
        )
    except InputError as error:
        raise InputError(f"{one.name}: {error}") from error
    return with_outside(episodes, labels, groups, count=plan.query, seed=plan.seed)


def read_limits(texts: Sequence[str], methods: Sequence[str]) -> dict[str, int]:
    """Read `METHOD=EPISODES`, each of a method that is run.

    Raises:
        InputError: a text is none of these, or names a method that is not run.
    """
    limits = {}
    for text in texts:
        name, _, number = (part.strip() for part in text.partition("="))
        if not name or not number.isdecimal() or int(number) < 1:
            raise InputError(
                f"--limit '{text}' is not METHOD=EPISODES, such as finetune=30. Correct it."
            )
        limits[name] = int(number)
    known = {*methods, *(method.partition("@")[0] for method in methods)}
    if unknown := sorted(set(limits) - known):
        raise InputError(
            f"--limit names methods that are not run: {listing(unknown)}. Add them to --methods or leave the limit out."
        )
    return limits
