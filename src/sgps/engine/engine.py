"""Engine: the large pretrained network, loaded, and the act of synthesizing.

engine = Engine.from_pretrained("default")
network = engine.synthesize(support)       # a TargetNetwork: plain weights, no engine needed any more
"""

from __future__ import annotations

import copy
import hashlib
import math
import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from sgps.engine.class_memory import Recall
from sgps.engine.config import ENGINE_PARTS, EngineConfig
from sgps.engine.description_encoder import DescriptionEncoder
from sgps.engine.model import SynthesisNetwork, TaskTensors
from sgps.engine.storage import load_engine, save_engine
from sgps.engine.text import TextEncoder
from sgps.errors import InputError, listing
from sgps.model_card import JSON
from sgps.target.architecture import Architecture
from sgps.target.checkpoint import TargetNetwork
from sgps.target.network import Weights, pooled_features
from sgps.task import Preprocessing, SupportSet
from sgps.version import __version__

_LEAST_WORTH, _LEAST_SHARE = 0.2, 0.2
"""Pictures that a recollection must be worth, and the say a known class must have in it, to be told of."""
_LEAST_HEARD, _MOST_HEARD = 0.07, 4
"""How clearly a class's texts must say a value, against the other classes' texts, to be told of; most values told of a class."""
_MOST_REMEMBERED = 10_000
"""Most descriptions whose embeddings are kept, 15 MB, so that an engine may serve for weeks."""
_MOST_PICTURES = 2000
"""Most pictures of a support. The head solves a system of as many equations, several times over."""
_SHIPPED = Path(__file__).parent / "weights"


def shipped_engines() -> tuple[str, ...]:
    """Names of the engines that come with the package; `default` is the newest."""
    names = [path.name for path in _SHIPPED.iterdir() if (path / "config.json").exists()]
    return tuple(sorted(names, key=_version))


def _version(name: str) -> tuple[int | str, ...]:
    """What engines are ordered by: the numbers in a name count as such, so that `v2b0-10` is newer than `v2b0-9`."""
    parts = re.split(r"(\d+)", name)
    return tuple(int(part) if part.isdecimal() else part for part in parts)


def resolve_device(device: str) -> torch.device:
    """Turn `auto`, `cpu` or `cuda` into a device.

    Raises:
        InputError: another word, or `cuda` where there is none.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise InputError(f"device must be auto, cpu or cuda, got '{device}'.")
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "device 'cuda' asked for, but torch finds no GPU. Use --device cpu or auto."
        )
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")


def refuse_too_many(pictures: int) -> None:
    """Stop at a support that is too large, before its pictures are decoded.

    Raises:
        InputError: there are more than 2,000 pictures.
    """
    if pictures > _MOST_PICTURES:
        raise InputError(
            f"the support has {pictures:,} pictures, and an engine reads {_MOST_PICTURES:,} at most. "
            "Give fewer of each class, or train a network on them."
        )


def _find(name_or_folder: str | Path) -> Path:
    # Names of shipped engines come first: what lies in the folder where a command runs must not take their place.
    shipped = shipped_engines()
    name = shipped[-1] if name_or_folder == "default" and shipped else name_or_folder
    if name in shipped:
        return _SHIPPED / name
    folder = Path(name_or_folder)
    if not folder.is_dir():
        known = ", ".join(shipped) or "none"
        raise InputError(
            f"no engine '{name_or_folder}': it is neither a folder nor a shipped engine ({known}). Correct the name or the path."
        )
    return folder


class Engine:
    """A pretrained synthesizer."""

    def __init__(
        self,
        network: SynthesisNetwork,
        digest: str = "",
        device: torch.device | None = None,
        text_encoder: TextEncoder | None = None,
    ) -> None:
        """Wrap a network; `from_pretrained` is the usual way to get one."""
        self.network = network.eval().to(device or torch.device("cpu"))
        self.digest = digest
        """SHA-256 of the engine's files; empty for an engine that was never saved."""
        self.device = device or torch.device("cpu")
        self._text_encoder = text_encoder
        self._embeddings: dict[tuple[str, ...], Tensor] = {}

    @classmethod
    def from_pretrained(
        cls, name_or_folder: str | Path = "default", device: str = "auto"
    ) -> Engine:
        """Load a shipped engine by name, or one from a folder; nothing is ever downloaded.

        A text that names a shipped engine means that one: a folder of the same name is given as a `Path` or as `./NAME`.

        Raises:
            InputError: there is no such engine, or its files are damaged or foreign.
        """
        folder = _find(name_or_folder).resolve()
        # Part of the key, so that an engine replaced at the same path is read again.
        changed = tuple(path.stat().st_mtime_ns for path in sorted(folder.iterdir()))
        return _load_cached(folder, resolve_device(device), changed)

    def to(self, device: torch.device) -> Engine:
        """The same engine on another device; this one stays where it is."""
        # Moving a network moves its own tensors: without a copy, this engine would be left with them elsewhere.
        return Engine(copy.deepcopy(self.network), self.digest, device, self._text_encoder)

    def save_pretrained(self, folder: str | Path, card: str = "") -> None:
        """Write `engine.safetensors`, `config.json` and the card.

        Raises:
            InputError: `folder` exists.
        """
        save_engine(self.network, card, Path(folder))

    @property
    def config(self) -> EngineConfig:
        """The engine's configuration."""
        return self.network.config

    @property
    def preprocessing(self) -> Preprocessing:
        """How pictures are prepared for base and target network."""
        architecture = self.network.architecture
        return Preprocessing(
            image_size=self.config.image_size, mean=architecture.mean, std=architecture.std
        )

    def text_embeddings(self, support: SupportSet) -> tuple[Tensor, Tensor]:
        """Mean embedding of each class's descriptions (N, text_width), zero without text, and bool (N,) whether there is one."""
        texts = [support.texts(index) for index in range(support.num_classes)]
        has_text = torch.tensor([bool(own) for own in texts])
        empty = torch.zeros(self.config.text_width)
        means = torch.stack([self._mean_embedding(own) if own else empty for own in texts])
        return means.to(self.device), has_text.to(self.device)

    def _mean_embedding(self, texts: tuple[str, ...]) -> Tensor:
        """Mean embedding (text_width,) of one class's descriptions, remembered since benchmarks ask thousands of times."""
        if texts not in self._embeddings:
            if len(self._embeddings) >= _MOST_REMEMBERED:
                self._embeddings.clear()
            if self._text_encoder is None:
                self._text_encoder = DescriptionEncoder()
            self._embeddings[texts] = self._text_encoder.encode(texts).mean(0)
        return self._embeddings[texts]

    def task_tensors(self, support: SupportSet, hidden_set: str | None = None) -> TaskTensors:
        """What the network reads of a support set; the classes of `hidden_set` may not be recalled."""
        text, has_text = self.text_embeddings(support)
        return TaskTensors(
            images=self.preprocessing.normalize(support.images.to(self.device)),
            labels=support.labels.to(self.device),
            text=text,
            has_text=has_text,
            allowed=self.network.memory.all_but(hidden_set),
        )

    @torch.no_grad()
    def synthesize(
        self,
        support: SupportSet,
        *,
        condition_on: Sequence[SupportSet] = (),
        without: Collection[str] = (),
        hidden_set: str | None = None,
    ) -> TargetNetwork:
        """Write every parameter of a classifier for a task; no gradient step, no loop beyond forward passes.

        Args:
            support: labelled pictures and descriptions.
            condition_on: other support sets that the backbone is written for, as a control; of several, the weights are
                averaged. The head is still `support`'s.
            without: parts to switch off, of `ENGINE_PARTS`, to see what they are worth.
            hidden_set: a set whose classes are not recalled, to see what the engine would do had it not met them; the others are.

        Returns:
            The classifier, float32 on the CPU. The order of pictures and of classes cannot matter: both are put into a
            canonical order first, so that even rounding is the same.

        Raises:
            InputError: the pictures do not have the engine's size, there are more than 2,000 of them, or there is no such part.
        """
        side = self.config.image_size
        refuse_too_many(len(support.images))
        if support.images.dtype != torch.uint8 or support.images.shape[1:] != (3, side, side):
            raise InputError(
                f"the support pictures must be uint8 (n, 3, {side}, {side}), as this engine reads them."
            )
        if unknown := sorted(set(without) - set(ENGINE_PARTS)):
            raise InputError(
                f"no part of an engine: {listing(unknown)}. The parts are {', '.join(ENGINE_PARTS)}."
            )
        ordered = _canonical(support)
        task, network = self.task_tensors(ordered, hidden_set), self.network
        codes, recall = network.read(task, without)
        borrowed = [self.task_tensors(_canonical(other), hidden_set) for other in condition_on]
        others = [network.read(other, without)[0] for other in borrowed]
        backbones = [network.generator.compose(own) for own in others or [codes]]
        backbone = {
            name: torch.stack([own[name] for own in backbones]).mean(0) for name in backbones[0]
        }
        features = network.task_features(backbone, task)
        weights = network.add_head(backbone, features, task, recall)
        typicality = network.typical(features, task)
        synthesized = TargetNetwork(
            architecture=network.architecture,
            weights={name: tensor.float().cpu() for name, tensor in weights.items()},
            class_names=ordered.class_names,
            descriptions=ordered.descriptions,
            preprocessing=self.preprocessing,
            typicality=typicality and typicality.cpu(),
            provenance={
                "engine": self.config.name,
                "engine_digest": self.digest,
                "n_shot": dict(zip(ordered.class_names, ordered.shots, strict=True)),
                "recalled": self._recalled(recall, ordered.class_names),
                "agreement": _agreement(recall),
                "heard": {} if "lexicon" in without else self._heard(task, ordered.class_names),
                "sgps_version": __version__,
            },
        )
        return synthesized.reordered([ordered.class_names.index(n) for n in support.class_names])

    def _recalled(self, recall: Recall, class_names: Sequence[str]) -> dict[str, dict[str, JSON]]:
        """Which known classes the descriptions brought to mind, the likest first, and how many pictures that counted as."""
        recalled: dict[str, dict[str, JSON]] = {}
        for name, shares, count in zip(class_names, recall.shares, recall.known, strict=True):
            if float(count) >= _LEAST_WORTH:
                order = shares.argsort(descending=True).tolist()
                said = [
                    self.config.known_classes[place]
                    for place in order
                    if float(shares[place]) >= _LEAST_SHARE
                ]
                recalled[name] = {"classes": said, "pictures": round(float(count), 2)}
        return recalled

    def _heard(self, task: TaskTensors, class_names: Sequence[str]) -> dict[str, list[str]]:
        """What each class's descriptions say of drawn attributes that the other classes' do not, the clearest first."""
        lexicon = self.network.lexicon
        scores = lexicon.heard(task.text, task.has_text).cpu()
        heard: dict[str, list[str]] = {}
        for name, row in zip(class_names, scores, strict=True):
            clearest = row.topk(min(_MOST_HEARD, len(row))).indices.tolist()
            found = [
                lexicon.phrases[place] for place in clearest if float(row[place]) >= _LEAST_HEARD
            ]
            if found:
                heard[name] = found
        return heard

    @torch.no_grad()
    def text_features(self, descriptions: Sequence[Sequence[str]]) -> Tensor | None:
        """For each class its descriptions as a point among base features (N, F); none if one has none, or no class is known."""
        if not all(descriptions) or not self.config.known_classes:
            return None
        text = torch.stack([self._mean_embedding(tuple(own)) for own in descriptions])
        has_text = torch.ones(len(text), dtype=torch.bool, device=self.device)
        recall = self.network.words(text.to(self.device), has_text)
        points: Tensor = recall.center + self.network.memory.length * recall.directions
        return points.cpu()

    def backbone_bytes(self, source: str) -> int:
        """Float32 bytes of what computes features: the base's (`base`), or the base's and all experts' (`engine`)."""
        networks = 1 + len(self.config.experts) if source == "engine" else 1
        numbers = sum(math.prod(spec.shape) for spec in self.network.architecture.parameters)
        return 4 * numbers * networks

    def base_network(self) -> tuple[Architecture, Weights]:
        """The engine's base: what it is built like, and its weights by name, float32 on the CPU."""
        weights = self.network.generator.base_weights()
        return self.network.architecture, {name: own.cpu() for name, own in weights.items()}

    def base_features(self, images: Tensor) -> Tensor:
        """Features (B, F) of uint8 pictures under the engine's own base."""
        return self._features(self.network.generator.base_weights(), images)

    def joined_features(self, images: Tensor) -> Tensor:
        """Features (B, F * (1 + K)) of uint8 pictures: base and every expert side by side, each of length one."""
        generator = self.network.generator
        parts = [self.base_features(images)]
        for index in range(len(self.config.experts)):
            parts.append(self._features(generator.expert_weights(index), images))
        return torch.cat([torch.nn.functional.normalize(part, dim=1) for part in parts], 1)

    @torch.no_grad()
    def _features(self, weights: Weights, images: Tensor) -> Tensor:
        prepare, architecture = self.preprocessing.normalize, self.network.architecture
        parts = [
            pooled_features(architecture, weights, prepare(batch.to(self.device))).cpu()
            for batch in torch.split(images, 64)
        ]
        return torch.cat(parts) if parts else torch.zeros(0, architecture.num_features)


@lru_cache(maxsize=2)
def _load_cached(folder: Path, device: torch.device, changed: tuple[int, ...]) -> Engine:
    del changed
    network, digest = load_engine(folder)
    return Engine(network, digest, device)


def _agreement(recall: Recall) -> float:
    """How far the pictures bear out what was recalled, 0 to 1; 1 where known classes had little to tell of all but one."""
    agreement = float(recall.agreement)
    told = int((recall.known >= _LEAST_WORTH * agreement).sum())
    return round(agreement, 2) if told > 1 else 1.0


def _canonical(support: SupportSet) -> SupportSet:
    """The same task with classes sorted by name and pictures sorted by class and content."""
    order = sorted(range(support.num_classes), key=lambda index: support.class_names[index])
    rank = {old: new for new, old in enumerate(order)}
    labels = [rank[int(label)] for label in support.labels]
    content = [
        hashlib.sha256(image.contiguous().numpy().tobytes()).digest()
        for image in support.images.cpu()
    ]
    pictures = sorted(range(len(labels)), key=lambda index: (labels[index], content[index]))
    return SupportSet(
        images=support.images[pictures],
        labels=torch.tensor([labels[index] for index in pictures], dtype=torch.int64),
        class_names=tuple(support.class_names[index] for index in order),
        descriptions=tuple(support.texts(index) for index in order) if support.descriptions else (),
    )
