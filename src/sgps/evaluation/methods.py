"""The methods that a benchmark compares: each turns one episode into probabilities, and tells what that costs.

    sgps                          a network synthesized from the support pictures and the class descriptions
    sgps-...                      its controls, see `controls.py`
    HEAD                          a head of `heads.py` or `covariance_heads.py` on the peer backbone's features
    HEAD@base, HEAD@engine        the same on the features of the engine's base, or of base and experts side by side
    HEAD@lite0, HEAD@lite2        the same on the backbone that a pip wheel brings, whichever the peer is
    tip-adapter[@SOURCE]          a head of `text_heads.py`; it reads descriptions on `base`, which alone can place them
    ss-text@base                  another, which would be `prototype` without descriptions
    self-training[@SOURCE]        semi-supervised: a head that reads pictures without labels beside the support
    finetune, finetune-head, anil, protokd    the peer backbone trained on the support pictures (`tuning.py`)
    finetune@base                 the engine's base trained on them
    chance                        equal probabilities

Shapes: P pictures of a set, Q queries, O pictures outside of the support's classes, R = Q + O, F features, N classes, S side
of a picture in pixels.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from sgps.errors import InputError, listing
from sgps.evaluation import covariance_heads, heads, text_heads, tuning, unlabelled
from sgps.evaluation.controls import (
    REWORDED,
    SYNTHESIS,
    Control,
    borrowed,
    derangement,
    draw_texts,
    following,
    nearest_task,
)
from sgps.evaluation.episodes import Episode
from sgps.evaluation.heads import Fitted, float_bytes
from sgps.evaluation.peers import PEER_NAMES, Peer
from sgps.evaluation.synthesis import SynthesisEngine
from sgps.task import SupportSet

_HEADS: Mapping[str, Callable[[Tensor, Tensor, int], Fitted]] = {
    "prototype": heads.prototype,
    "ridge": heads.ridge,
    "logistic": heads.logistic,
    "svm": heads.svm,
    "lda": covariance_heads.lda,
    "mahalanobis": covariance_heads.mahalanobis,
    "knn": heads.knn,
    "select-protonet": heads.select_protonet,
}
_TEXT_HEADS = {"tip-adapter": text_heads.tip_adapter, "ss-text": text_heads.ss_text}
_SELF_TRAINING = "self-training"
_TUNED = {
    "finetune": tuning.finetune,
    "finetune-head": tuning.finetune_head,
    "anil": tuning.anil,
    "protokd": tuning.protokd,
}
_BASE = "base"
"""The only source that text can be placed in, and the one that supports are compared in."""
_TUNED_BASE = f"finetune@{_BASE}"
_ENGINE_SOURCES = (_BASE, "engine")
_SUFFIXES = ("", *(f"@{source}" for source in (*_ENGINE_SOURCES, *PEER_NAMES)))

METHODS = (
    *SYNTHESIS,
    *(f"{head}{suffix}" for suffix in _SUFFIXES for head in (*_HEADS, "tip-adapter")),
    f"ss-text@{_BASE}",
    *(f"{_SELF_TRAINING}{suffix}" for suffix in _SUFFIXES),
    *_TUNED,
    _TUNED_BASE,
    "chance",
)
"""Every method by name."""
SEMI_SUPERVISED = frozenset(f"{_SELF_TRAINING}{suffix}" for suffix in _SUFFIXES)
"""Methods that read pictures beside the support, which no other method may."""

# Keep the random streams of different uses of one seed apart.
_SHUFFLE_STREAM, _TUNING_STREAM, _POOL_STREAM, _TEXT_STREAM = 1, 2, 3, 4


def constants() -> dict[str, float]:
    """Every fixed constant of the comparison methods by name, to be stored beside the results."""
    return {
        name.lower(): getattr(module, name)
        for module in (heads, covariance_heads, text_heads, unlabelled, tuning)
        # Those that a module has from another one are not annotated in it.
        for name in module.__annotations__
        if name.isupper() and not name.startswith("_")
    }


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
    """(R, N), of the episode's `query` and then its `outside`."""
    fit_seconds: float
    """Wall time from the support's pictures in memory to a classifier."""
    predict_seconds: float
    """Wall time from R pictures in memory to their probabilities. Features that were computed beforehand are charged, at
    their measured time per picture, to the part that reads them."""
    size_bytes: int
    """What must be kept to classify: the backbone in float32, the head, and the support where the head looks it up."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """One set, decoded, with its episodes and the networks that classify it."""

    set_name: str
    episodes: Sequence[Episode]
    """Their indices are rows of the images, features, labels and groups below."""
    labels: Sequence[str]
    """Class of each of the P pictures."""
    groups: Sequence[str]
    """Group (lesion, patient) of each picture."""
    descriptions: Mapping[str, Sequence[str]]
    """Class to descriptions; a class may have none."""
    foreign_texts: Sequence[tuple[str, ...]] = ()
    """Descriptions of classes of other sets, if a method asks for them; see `controls.foreign_texts`."""
    reworded: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    """By the name of the text, what `controls.reworded` tells of each class, if a method asks for it."""
    seed: int = 0
    """What shuffles texts, draws unlabelled pictures and decides the steps of tuned methods, episode by episode."""
    device: torch.device | str = "cpu"
    """Where tuned methods run; an engine knows its own."""
    engine: SynthesisEngine | None = None
    engine_images: Tensor | None = None
    """uint8 (P, 3, S, S) at the engine's size."""
    peer: Peer | None = None
    peer_images: Tensor | None = None
    """uint8 (P, 3, S, S) at the peer's size."""
    pip_peers: Mapping[str, Peer]
    """By name, those that methods name."""
    features: Mapping[str, Features]
    """By source: `peer`, `base`, `engine`, `lite0`, `lite2`."""

    def _columns(self, index: int, rows: Sequence[int]) -> Tensor:
        """Classes of these pictures, as columns of the probabilities."""
        classes = self.episodes[index].classes
        columns = [classes.index(self.labels[row]) for row in rows]
        return torch.tensor(columns, dtype=torch.int64)

    def answer(self, method: str, index: int) -> Outcome:
        """Fit the method to the support of episode `index`, and classify its queries and what is outside."""
        episode = self.episodes[index]
        rows = [*episode.query, *episode.outside]
        source = feature_source(method)
        if source is not None and method not in SYNTHESIS:
            return self._on_features(method, source, index, rows)
        start = time.perf_counter()
        if method in SYNTHESIS:
            assert self.engine_images is not None
            fitted, inputs = self._synthesize(method, index), self.engine_images
        elif method == _TUNED_BASE:
            assert self.engine_images is not None
            inputs = self.engine_images
            fitted = self._tune("finetune", index, self._base(), inputs)
        elif method in _TUNED:
            assert self.peer is not None
            assert self.peer_images is not None
            inputs = self.peer_images
            fitted = self._tune(method, index, self.peer, inputs)
        else:
            fitted, inputs = _chance(len(episode.classes)), torch.empty(len(self.labels), 0)
        middle = time.perf_counter()
        probabilities = fitted.predict(inputs[rows])
        return Outcome(
            probabilities=probabilities,
            fit_seconds=middle - start + self._charge(method, index),
            predict_seconds=time.perf_counter() - middle,
            size_bytes=fitted.size_bytes,
        )

    def _on_features(self, method: str, source: str, index: int, rows: Sequence[int]) -> Outcome:
        features = self.features[source]
        values, charge = features.values, features.seconds_per_picture
        episode = self.episodes[index]
        support = values[list(episode.support)]
        labels, ways = self._columns(index, episode.support), len(episode.classes)
        pool = self.pool(index) if method in SEMI_SUPERVISED else ()
        head = method.partition("@")[0]
        start = time.perf_counter()
        if head in _TEXT_HEADS:
            text = self._text_features(index) if source == _BASE else None
            fitted = _TEXT_HEADS[head](support, labels, ways, text)
        elif method in SEMI_SUPERVISED:
            fitted = unlabelled.self_training(support, labels, ways, values[list(pool)])
        else:
            fitted = _HEADS[head](support, labels, ways)
        middle = time.perf_counter()
        probabilities = fitted.predict(values[list(rows)])
        end = time.perf_counter()
        return Outcome(
            probabilities=probabilities,
            fit_seconds=middle - start + charge * (len(support) + len(pool)),
            predict_seconds=end - middle + charge * len(rows),
            size_bytes=self._backbone_bytes(source) + fitted.size_bytes,
        )

    def pool(self, index: int) -> tuple[int, ...]:
        """Rows of the pictures that semi-supervised methods read without labels in episode `index`."""
        return pool_of(self.labels, self.groups, self.episodes[index], self.seed, index)

    def _text_features(self, index: int) -> Tensor | None:
        """Text as points among the base's features, if every class is described and the engine can place it."""
        texts = self._texts(index)
        if self.engine is None or not texts or not all(texts):
            return None
        return self.engine.text_features(texts)

    def _backbone_bytes(self, source: str) -> int:
        if source in _ENGINE_SOURCES:
            assert self.engine is not None
            return self.engine.backbone_bytes(source)
        peer = self.peer if source == "peer" else self.pip_peers[source]
        assert peer is not None
        return peer.size_bytes

    def _synthesize(self, method: str, index: int) -> Fitted:
        assert self.engine is not None
        control = SYNTHESIS[method]
        texts = self._given_texts(control, index)
        if not texts and not self.episodes[index].support:
            return _chance(len(self.episodes[index].classes))
        others = following(index, control.others, len(self.episodes))
        if control.nearest:
            points = self.features[_BASE].values
            own, *rest = (points[list(self.episodes[at].support)] for at in (index, *others))
            others = [others[nearest_task(own, rest)]]
        network = self.engine.synthesize(
            self._support_set(index, texts, control.pictures),
            condition_on=[self._support_set(other, self._texts(other)) for other in others],
            without=control.without,
            hidden_set=self.set_name if control.hides_own_set else None,
        )
        return Fitted(network.probabilities, float_bytes(*network.weights.values()))

    def _charge(self, method: str, index: int) -> float:
        """Time of the features that a control compares supports by."""
        source = feature_source(method)
        if source is None:
            return 0.0
        places = [index, *following(index, borrowed(method), len(self.episodes))]
        pictures = sum(len(self.episodes[place].support) for place in places)
        return self.features[source].seconds_per_picture * pictures

    def _given_texts(self, control: Control, index: int) -> tuple[tuple[str, ...], ...]:
        if control.text in REWORDED:
            return self._texts(index, self.reworded[control.text])
        texts = self._texts(index)
        if control.text == "none":
            return ()
        if control.text == "shuffled":
            sequence = np.random.SeedSequence([self.seed, _SHUFFLE_STREAM, index])
            return tuple(texts[position] for position in derangement(len(texts), sequence))
        if control.text == "random":
            sequence = np.random.SeedSequence([self.seed, _TEXT_STREAM, index])
            return draw_texts(self.foreign_texts, len(self.episodes[index].classes), sequence)
        return texts

    def _texts(
        self, index: int, reworded: Mapping[str, Sequence[str]] | None = None
    ) -> tuple[tuple[str, ...], ...]:
        told = self.descriptions if reworded is None else reworded
        texts = tuple(tuple(told.get(name, ())) for name in self.episodes[index].classes)
        return texts if any(texts) else ()

    def _support_set(
        self, index: int, texts: tuple[tuple[str, ...], ...], pictures: bool = True
    ) -> SupportSet:
        assert self.engine_images is not None
        episode = self.episodes[index]
        rows = episode.support if pictures else ()
        return SupportSet(
            images=self.engine_images[list(rows)],
            labels=self._columns(index, rows),
            class_names=episode.classes,
            descriptions=texts,
        )

    def _base(self) -> Peer:
        """The engine's base as one would train it: a backbone that sees pictures of the engine's size."""
        assert self.engine is not None
        architecture, weights = self.engine.base_network()
        return Peer(
            name=_BASE,
            architecture=architecture,
            weights=weights,
            preprocessing=self.engine.preprocessing,
            sha256=self.engine.digest,
        )

    def _tune(self, method: str, index: int, backbone: Peer, images: Tensor) -> Fitted:
        episode = self.episodes[index]
        sequence = np.random.SeedSequence([self.seed, _TUNING_STREAM, index])
        return _TUNED[method](
            backbone,
            images[list(episode.support)],
            self._columns(index, episode.support),
            len(episode.classes),
            seed=int(sequence.generate_state(1)[0]),
            device=self.device,
        )


def _chance(ways: int) -> Fitted:
    return Fitted(lambda queries: torch.full((len(queries), ways), 1 / ways), 0)


def pool_of(
    labels: Sequence[str], groups: Sequence[str], episode: Episode, seed: int, index: int
) -> tuple[int, ...]:
    """As `unlabelled.draw_pool`, for the episode at this place of a run with this seed."""
    sequence = np.random.SeedSequence([seed, _POOL_STREAM, index])
    return unlabelled.draw_pool(labels, groups, episode, sequence)


def check_methods(methods: Sequence[str], n_episodes: int, n_shot: int = 1) -> None:
    """Refuse what cannot be run with so many episodes of so many pictures a class.

    Raises:
        InputError: no method, unknown methods, a method named twice, a control that needs a second episode, or methods that
            need pictures where there are none.
    """
    unknown = [name for name in methods if name not in METHODS]
    if unknown or not methods:
        raise InputError(
            f"unknown methods: {listing(unknown) or 'none named'}; known are {', '.join(METHODS)}."
        )
    twice = sorted({name for name in methods if methods.count(name) > 1})
    if twice:
        raise InputError(f"methods named twice: {listing(twice)}. Name each once.")
    borrowers = [name for name in methods if borrowed(name)]
    if borrowers and n_episodes < 2:
        raise InputError(
            f"{listing(borrowers)} borrows another episode's support. Ask for at least --episodes 2."
        )
    pictured = [name for name in methods if name != "chance" and name not in SYNTHESIS]
    if n_shot == 0 and (pictured := pictured + borrowers):
        raise InputError(
            f"--shot 0 gives no picture, and {listing(pictured)} cannot do without. Leave it out or raise --shot."
        )


def feature_source(method: str) -> str | None:
    """The features that a method reads: `peer`, `base`, `engine`, a pip peer, or `None` if it reads pictures or nothing."""
    if method in SYNTHESIS:
        return _BASE if SYNTHESIS[method].nearest else None
    head, _, source = method.partition("@")
    reads = head in _HEADS or head in _TEXT_HEADS or head == _SELF_TRAINING
    return (source or "peer") if reads else None


def reads_peer(method: str) -> bool:
    """Whether the method runs on the peer backbone of the command."""
    return method in _TUNED or feature_source(method) == "peer"


def needs_peer(method: str) -> bool:
    """Whether the method runs on a peer backbone, that of the command or one from pip, which sees pictures of its size."""
    return reads_peer(method) or feature_source(method) in PEER_NAMES


def needs_engine(method: str) -> bool:
    """Whether the method runs on the engine or its features."""
    return method in (*SYNTHESIS, _TUNED_BASE) or feature_source(method) in _ENGINE_SOURCES
