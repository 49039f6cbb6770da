"""What the service does, without HTTP: synthesize from pictures in memory, keep the newest classifiers, classify with them.

Pictures are decoded, read by a network, and forgotten with the request; neither they nor their names are written or logged.
"""

from __future__ import annotations

import base64
import io
import secrets
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from sgps.engine.engine import Engine, refuse_too_many
from sgps.errors import InputError, listing
from sgps.images import all_readable, read_each, read_image_bytes
from sgps.model_card import doubt_in_words, heard_in_words, recalled_in_words
from sgps.service.saved import packed, unpacked
from sgps.service.schemas import Classifier, DescribedClass, Picture, Prediction
from sgps.target.checkpoint import TargetNetwork
from sgps.target.explain import relative_evidence
from sgps.target.overlay import Picture as Pixels
from sgps.target.overlay import as_image, enlarged, overlay
from sgps.target.typicality import ATYPICAL
from sgps.task import SupportSet

MAX_KEPT = 8
"""Classifiers that stay in memory, 24 MB each; the one that was used least recently goes first."""
_LARGEST_PX = 512
"""Side of the largest input of a classifier that is opened, so that a question's pictures do not fill the memory."""
_SHOWN_PX = 256
"""Side of the pictures that explain an answer."""


class UnknownClassifierError(KeyError):
    """No classifier of this name is kept any more, or ever was."""


class Workbench:
    """An engine and the classifiers that it synthesized last; several threads may use it at once."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._kept: dict[str, TargetNetwork] = {}
        self._keeping = threading.Lock()
        # One network at a time has all cores; two would only take turns, with twice the memory.
        self._computing = threading.Lock()

    def synthesize(self, classes: Sequence[DescribedClass]) -> Classifier:
        """Synthesize a classifier and keep it.

        Raises:
            InputError: pictures cannot be used (all are listed), classes repeat, or one has neither picture nor description.
        """
        ordered = sorted(classes, key=lambda one: one.name)
        names = tuple(one.name for one in ordered)
        if twice := sorted(name for name, count in Counter(names).items() if count > 1):
            raise InputError(f"several classes are called {listing(twice)}. Name each differently.")
        pictures = [picture for one in ordered for picture in one.pictures]
        refuse_too_many(len(pictures))
        labels = [index for index, one in enumerate(ordered) for _ in one.pictures]
        support = SupportSet(
            images=_decoded(pictures, self.engine.config.image_size),
            labels=torch.tensor(labels, dtype=torch.int64),
            class_names=names,
            descriptions=tuple(tuple(one.descriptions) for one in ordered),
        )
        with self._computing:
            start = time.perf_counter()
            network = self.engine.synthesize(support)
            seconds = time.perf_counter() - start
        return self._keep(network, seconds)

    def open(self, archive: bytes) -> Classifier:
        """Keep a classifier that was saved before, from a zip of its folder.

        Raises:
            InputError: it is none, or is damaged.
        """
        network = unpacked(archive)
        if network.preprocessing.image_size > _LARGEST_PX:
            raise InputError(
                f"the classifier reads pictures of {network.preprocessing.image_size} pixels a side, and this service at most "
                f"{_LARGEST_PX}. Use it by sgps predict."
            )
        return self._keep(network, None)

    def predict(
        self, identity: str, pictures: Sequence[Picture], explain: bool
    ) -> list[Prediction]:
        """Classify pictures with a classifier that is kept, in their order.

        Raises:
            UnknownClassifierError: it is not kept.
            InputError: pictures cannot be used; all are listed.
        """
        network = self._kept_network(identity)
        images = _decoded(pictures, network.preprocessing.image_size)
        with self._computing:
            probabilities, typicality = network.classify(images)
            evidence = relative_evidence(network, images) if explain else None
        answers = []
        for index, picture in enumerate(pictures):
            row = probabilities[index].tolist()
            best = max(range(len(row)), key=row.__getitem__)
            typical = None if typicality is None else float(typicality[index])
            seen = heat = None
            if evidence is not None:
                large = enlarged(images[index].numpy(), _SHOWN_PX)
                seen, heat = _png(large), _png(overlay(large, evidence[index, best].numpy()))
            answers.append(
                Prediction(
                    picture=picture.name,
                    prediction=network.class_names[best],
                    confidence=row[best],
                    typicality=typical,
                    atypical=typical is not None and typical < ATYPICAL,
                    probabilities=dict(zip(network.class_names, row, strict=True)),
                    seen=seen,
                    evidence=heat,
                )
            )
        return answers

    def archive(self, identity: str) -> bytes:
        """The folder that `sgps synthesize` would have written, as a zip of the folder `classifier`.

        Raises:
            UnknownClassifierError: it is not kept.
        """
        return packed(self._kept_network(identity))

    def forget(self, identity: str) -> None:
        """Keep a classifier no longer.

        Raises:
            UnknownClassifierError: it is not kept.
        """
        with self._keeping:
            if self._kept.pop(identity, None) is None:
                raise UnknownClassifierError(identity)

    def _keep(self, network: TargetNetwork, seconds: float | None) -> Classifier:
        identity = secrets.token_urlsafe(9)
        facts = network.provenance
        stated = facts.get("n_shot")
        # A saved classifier may state anything.
        counts = stated if isinstance(stated, Mapping) else {}
        shots = {name: counts.get(name) for name in network.class_names}
        told = Classifier(
            id=identity,
            engine=str(facts.get("engine")),
            shots={name: count if isinstance(count, int) else 0 for name, count in shots.items()},
            seconds=seconds,
            known=recalled_in_words(facts.get("recalled")),
            heard=heard_in_words(facts.get("heard")),
            doubt=doubt_in_words(facts.get("agreement")) or None,
        )
        with self._keeping:
            self._kept[identity] = network
            while len(self._kept) > MAX_KEPT:
                del self._kept[next(iter(self._kept))]
        return told

    def _kept_network(self, identity: str) -> TargetNetwork:
        with self._keeping:
            if identity not in self._kept:
                raise UnknownClassifierError(identity)
            # Now the most recently used: dictionaries keep the order in which keys came.
            network = self._kept.pop(identity)
            self._kept[identity] = network
        return network


def _decoded(pictures: Sequence[Picture], image_size: int) -> Tensor:
    reads = [partial(read_image_bytes, one.data, one.name, image_size) for one in pictures]
    return all_readable(read_each(reads), image_size)


def _png(picture: Pixels) -> str:
    data = io.BytesIO()
    as_image(picture).save(data, "PNG")
    return base64.b64encode(data.getvalue()).decode("ascii")
