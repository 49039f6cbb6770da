"""The methods that a benchmark compares: each turns one episode into probabilities of its pictures, and tells its cost.

    sgps                          a network synthesized from the support pictures and the class descriptions
    sgps-no-text                  the same from the pictures alone
    sgps-shuffled-text            control: every class gets another class's descriptions
    sgps-wrong-support            control: the generator reads the next episode's support, the head this one's
    prototype, ridge, logistic    a head on the peer backbone's features; with `@base` or `@engine` on the engine's own
    finetune                      the peer backbone trained on the support pictures
    chance                        equal probabilities

Shapes: P pictures of a set, Q queries, R queries and outside pictures, F features, N classes, S side of a picture in pixels.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from sgps.errors import InputError, listing
from sgps.evaluation.baselines import finetune, logistic, prototype, ridge
from sgps.evaluation.episodes import Episode
from sgps.evaluation.peers import Peer
from sgps.task import Preprocessing, SupportSet

Head = Callable[[Tensor, Tensor, Tensor, int], Tensor]

_HEADS: dict[str, Head] = {"prototype": prototype, "ridge": ridge, "logistic": logistic}
_ENGINE_SOURCES = ("base", "engine")
_SYNTHESIS = ("sgps", "sgps-no-text", "sgps-shuffled-text", "sgps-wrong-support")

METHODS = (
    *_SYNTHESIS,
    *_HEADS,
    *(f"{head}@{source}" for source in _ENGINE_SOURCES for head in _HEADS),
    "finetune",
    "chance",
)
"""Every method by name."""

SEMI_SUPERVISED: tuple[str, ...] = ()
"""Methods that look at the queries as a whole; flagged wherever they are shown."""

# Keep the random streams of different uses of one seed apart.
_SHUFFLE_STREAM, _FINETUNE_STREAM = 1, 2


class SynthesizedNetwork(Protocol):
    """What synthesis gives."""

    def probabilities(self, images: Tensor, /) -> Tensor:
        """Class probabilities (Q, N) of uint8 pictures (Q, 3, S, S)."""


class SynthesisEngine(Protocol):
    """What a benchmark asks of an engine."""

    @property
    def digest(self) -> str:
        """Identifies the engine's weights."""

    @property
    def preprocessing(self) -> Preprocessing:
        """Tells the size of the pictures that the engine reads."""

    def synthesize(
        self, support: SupportSet, *, condition_on: SupportSet | None = None
    ) -> SynthesizedNetwork:
        """Synthesize from `support`; the generator reads `condition_on` in its place where that is given."""

    def base_features(self, images: Tensor, /) -> Tensor:
        """Features (P, F) of uint8 pictures under the engine's base."""

    def joined_features(self, images: Tensor, /) -> Tensor:
        """Features (P, F') of uint8 pictures under the base and all experts, side by side."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Features:
    """Features of all pictures of a set, computed once."""

    values: Tensor
    """(P, F)."""
    seconds_per_picture: float
    """Wall time of computing them, which every episode that uses them is charged."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """What a method made of one episode."""

    probabilities: Tensor
    """(R, N): the queries, then the outside pictures."""
    fit_seconds: float
    """From pictures in memory to a classifier."""
    predict_seconds: float
    """From that classifier to the probabilities of all R pictures."""
    size_bytes: int
    """What one must keep to classify further pictures; 0 where that is not known."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """One set, decoded, with its episodes and the networks that classify it."""

    episodes: Sequence[Episode]
    """Their indices are rows of the images, features and labels below."""
    labels: Sequence[str]
    """Class of each of the P pictures."""
    descriptions: Mapping[str, Sequence[str]]
    """Class to descriptions; a class may have none."""
    seed: int = 0
    """What shuffles texts and fine-tuning's batches, episode by episode."""
    device: torch.device | str = "cpu"
    """Where fine-tuning runs; an engine knows its own."""
    engine: SynthesisEngine | None = None
    engine_images: Tensor | None = None
    """uint8 (P, 3, S, S) at the engine's size."""
    peer: Peer | None = None
    peer_images: Tensor | None = None
    """uint8 (P, 3, S, S) at the peer's size."""
    features: Mapping[str, Features]
    """By source: `peer`, `base`, `engine`."""

    def targets(self, index: int) -> Tensor:
        """True classes (Q,) of an episode's queries, as columns of the probabilities."""
        return self._columns(index, self.episodes[index].query)

    def _columns(self, index: int, rows: Sequence[int]) -> Tensor:
        classes = self.episodes[index].classes
        return torch.tensor([classes.index(self.labels[row]) for row in rows])

    def answer(self, method: str, index: int) -> Outcome:
        """Classify the queries and then the outside pictures of episode `index`.

        Where features were computed beforehand, their measured time per picture is added for each picture of the episode.
        """
        episode = self.episodes[index]
        start = time.perf_counter()
        middle, size = None, 0
        fitted = predicted = 0.0
        asked = [*episode.query, *episode.outside]
        if method in _SYNTHESIS:
            network = self._synthesize(method, index)
            middle = time.perf_counter()
            assert self.engine_images is not None
            probabilities = network.probabilities(self.engine_images[asked])
        elif method == "finetune":
            probabilities = self._finetune(index, asked)
        elif method == "chance":
            ways = len(episode.classes)
            probabilities = torch.full((len(asked), ways), 1 / ways)
        else:
            features = self.features[feature_source(method) or ""]
            values = features.values
            probabilities = _HEADS[method.partition("@")[0]](
                values[list(episode.support)],
                self._columns(index, episode.support),
                values[asked],
                len(episode.classes),
            )
            fitted = features.seconds_per_picture * len(episode.support)
            predicted = features.seconds_per_picture * len(asked)
        end = time.perf_counter()
        middle = end if middle is None else middle
        return Outcome(
            probabilities=probabilities,
            fit_seconds=fitted + middle - start,
            predict_seconds=predicted + end - middle,
            size_bytes=size,
        )

    def _synthesize(self, method: str, index: int) -> SynthesizedNetwork:
        assert self.engine is not None
        texts = self._texts(index)
        if method == "sgps-no-text":
            texts = ()
        elif method == "sgps-shuffled-text":
            order = derangement(
                len(texts), np.random.SeedSequence([self.seed, _SHUFFLE_STREAM, index])
            )
            texts = tuple(texts[position] for position in order)
        support = self._support_set(index, texts)
        other = None
        if method == "sgps-wrong-support":
            following = (index + 1) % len(self.episodes)
            other = self._support_set(following, self._texts(following))
        return self.engine.synthesize(support, condition_on=other)

    def _texts(self, index: int) -> tuple[tuple[str, ...], ...]:
        classes = self.episodes[index].classes
        texts = tuple(tuple(self.descriptions.get(name, ())) for name in classes)
        return texts if any(texts) else ()

    def _support_set(self, index: int, texts: tuple[tuple[str, ...], ...]) -> SupportSet:
        assert self.engine_images is not None
        episode = self.episodes[index]
        return SupportSet(
            images=self.engine_images[list(episode.support)],
            labels=self._columns(index, episode.support),
            class_names=episode.classes,
            descriptions=texts,
        )

    def _finetune(self, index: int, asked: list[int]) -> Tensor:
        assert self.peer is not None
        assert self.peer_images is not None
        episode = self.episodes[index]
        sequence = np.random.SeedSequence([self.seed, _FINETUNE_STREAM, index])
        return finetune(
            self.peer.architecture,
            self.peer.weights,
            self.peer.preprocessing,
            self.peer_images[list(episode.support)],
            self._columns(index, episode.support),
            self.peer_images[asked],
            len(episode.classes),
            seed=int(sequence.generate_state(1)[0]),
            device=self.device,
        )


def check_methods(methods: Sequence[str], n_episodes: int) -> None:
    """Refuse what cannot be run.

    Raises:
        InputError: no method, unknown methods, a method named twice, or a control that needs a second episode.
    """
    unknown = [name for name in methods if name not in METHODS]
    if unknown or not methods:
        raise InputError(
            f"unknown methods: {listing(unknown) or 'none named'}; known are {', '.join(METHODS)}."
        )
    twice = sorted({name for name in methods if methods.count(name) > 1})
    if twice:
        raise InputError(f"methods named twice: {listing(twice)}. Name each once.")
    if "sgps-wrong-support" in methods and n_episodes < 2:
        raise InputError(
            "sgps-wrong-support borrows another episode's support. Ask for at least --episodes 2."
        )


def feature_source(method: str) -> str | None:
    """The features that a method reads: `peer`, `base`, `engine`, or `None` if it reads pictures or nothing."""
    head, _, source = method.partition("@")
    return (source or "peer") if head in _HEADS else None


def needs_peer(method: str) -> bool:
    """Whether the method runs on the peer backbone."""
    return method == "finetune" or feature_source(method) == "peer"


def needs_engine(method: str) -> bool:
    """Whether the method runs on the engine or its features."""
    return method in _SYNTHESIS or feature_source(method) in _ENGINE_SOURCES


def derangement(count: int, sequence: np.random.SeedSequence) -> list[int]:
    """A random cyclic permutation: no position keeps its own, so no class keeps its descriptions."""
    order = np.random.default_rng(sequence).permutation(count)
    moved = np.empty(count, dtype=np.int64)
    moved[order] = np.roll(order, 1)
    return [int(position) for position in moved]
