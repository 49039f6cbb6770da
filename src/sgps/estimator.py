"""SynthesizedClassifier: the engine behind scikit-learn's contract.

In: pictures (paths, PIL images or uint8 arrays) and labels. Out: a fitted classifier whose `predict_proba` columns
follow the sorted `classes_`. Fitting is one pass through the engine; the pictures are not kept.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from sgps.engine.engine import Engine, refuse_too_many
from sgps.errors import InputError, listing
from sgps.images import ImageSource, read_images
from sgps.model_card import doubt_in_words
from sgps.target.checkpoint import TargetNetwork
from sgps.target.export import export_onnx
from sgps.task import SupportSet, class_descriptions_in_order

Label = Any
"""A class label: str, int or bool, as in scikit-learn."""

_FROM_TEXT: dict[str, Callable[[str], Label]] = {
    "b": "True".__eq__,
    "i": int,
    "u": int,
    "f": float,
}
"""How a label is read back from its class name, by numpy's kind of label; labels of all other kinds are text."""


class SynthesizedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classifier of pictures whose parameters are synthesized, not trained.

    Args:
        class_descriptions: label to one or several sentences; classes may be left out.
        engine: name of a shipped engine, or folder of another.
        device: `auto`, `cpu` or `cuda`, for the synthesis.
        random_state: accepted for scikit-learn's sake; synthesis draws nothing at random.

    Attributes:
        classes_: sorted labels; the columns of `predict_proba` follow them.
        network_: the synthesized network, complete.
        n_support_: number of pictures of each class, in the order of `classes_`.
        engine_digest_: SHA-256 of the engine's files.
    """

    def __init__(
        self,
        class_descriptions: Mapping[Label, str | Sequence[str]] | None = None,
        engine: str = "default",
        device: str = "auto",
        random_state: int | None = None,
    ) -> None:
        self.class_descriptions = class_descriptions
        self.engine = engine
        self.device = device
        self.random_state = random_state

    def fit(self, X: Sequence[ImageSource], y: Sequence[Label]) -> SynthesizedClassifier:
        """Synthesize the classifier from labelled pictures.

        Args:
            X: n pictures.
            y: n labels.

        Raises:
            InputError: a picture cannot be read, there are fewer than two classes or more than 2,000 pictures, or a description
                names none of the classes.

        Warns:
            UserWarning: the pictures contradict what their descriptions call to mind, as where two are mixed up.
        """
        pictures = _pictures(X)
        labels = column_or_1d(np.asarray(y))
        if len(labels) != len(pictures):
            raise InputError(
                f"{len(pictures)} pictures but {len(labels)} labels. Give one label a picture."
            )
        refuse_too_many(len(pictures))
        check_classification_targets(labels)
        classes, indices = np.unique(labels, return_inverse=True)
        names = tuple(str(label) for label in classes)
        given = self.class_descriptions or {}
        descriptions = class_descriptions_in_order({str(k): v for k, v in given.items()}, names)
        engine = Engine.from_pretrained(self.engine, self.device)
        support = SupportSet(
            images=read_images(pictures, engine.config.image_size),
            labels=torch.from_numpy(indices.astype(np.int64)),
            class_names=names,
            descriptions=descriptions,
        )
        self.classes_ = classes
        network = engine.synthesize(support)
        if doubt := doubt_in_words(network.provenance["agreement"]):
            warnings.warn(f"{doubt}.", stacklevel=2)
        if classes.dtype.kind in _FROM_TEXT:
            # Class names are text; `from_pretrained` shall give back the labels themselves.
            stated = {**network.provenance, "label_kind": classes.dtype.kind}
            network = replace(network, provenance=stated)
        self.network_ = network
        self.n_support_ = np.asarray(support.shots)
        self.engine_digest_ = engine.digest
        return self

    def predict_proba(self, X: Sequence[ImageSource]) -> np.ndarray:
        """Calibrated probabilities (n, N) of n pictures; columns follow `classes_`."""
        check_is_fitted(self)
        images = read_images(_pictures(X), self.network_.preprocessing.image_size)
        probabilities = self.network_.probabilities(images).double().numpy()
        return np.asarray(probabilities / probabilities.sum(1, keepdims=True))

    def predict(self, X: Sequence[ImageSource]) -> np.ndarray:
        """Most probable label of each of n pictures."""
        probabilities = self.predict_proba(X)
        return np.asarray(self.classes_[probabilities.argmax(1)])

    def score_samples(self, X: Sequence[ImageSource]) -> np.ndarray:
        """How typical n pictures are of the support's kind, (n,): the share of such pictures that are as strange at least.

        Below 0.05 a picture looks like nothing in the support, so that its prediction means little: another modality, say, or
        no medical picture at all. Other classes of the same kind are recognized far less often.

        Raises:
            InputError: nothing can be said, since a class had no picture, or an earlier sgps or an engine that does not tell made
                the classifier; or a picture cannot be read.
        """
        check_is_fitted(self)
        typicality = self.network_.typicality
        if typicality is None:
            raise InputError(
                "this classifier does not know what is typical: a class had no picture, or its engine does not tell. "
                "Fit with a picture of every class."
            )
        images = read_images(_pictures(X), self.network_.preprocessing.image_size)
        return np.asarray(typicality.of(self.network_.features(images)).double().numpy())

    @property
    def state_dict_(self) -> dict[str, torch.Tensor]:
        """Every parameter and buffer under timm's names."""
        check_is_fitted(self)
        return self.network_.state_dict()

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the classifier's folder, which timm loads as `local-dir:`.

        Raises:
            InputError: the folder exists, or cannot be written.
        """
        check_is_fitted(self)
        self.network_.save(folder)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> SynthesizedClassifier:
        """Read a folder that `save_pretrained` or `sgps synthesize` wrote; the latter's labels are text.

        Raises:
            InputError: the folder is missing, foreign or damaged.
        """
        network = TargetNetwork.load(folder)
        labels = _labels(network, folder)
        # `classes_` is sorted as labels are: 2 before 10, though "10" comes before "2".
        order = sorted(range(len(labels)), key=labels.__getitem__)
        self = cls(
            class_descriptions={
                label: list(texts)
                for label, texts in zip(labels, network.descriptions, strict=False)
                if texts
            }
            or None,
            engine=str(network.provenance.get("engine", "default")),
        )
        self.classes_ = np.asarray([labels[index] for index in order])
        self.network_ = network.reordered(order)
        shots = network.provenance.get("n_shot")
        shots = shots if isinstance(shots, dict) else {}
        self.n_support_ = np.asarray([shots.get(name, 0) for name in self.network_.class_names])
        self.engine_digest_ = str(network.provenance.get("engine_digest", ""))
        return self

    def to_onnx(self, path: str | Path) -> float:
        """Export to ONNX; return the largest difference from onnxruntime's logits on a check batch."""
        check_is_fitted(self)
        return export_onnx(self.network_, Path(path))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags


def _pictures(X: Sequence[ImageSource]) -> list[ImageSource]:
    """Make a list of several pictures; a single one is refused, as its rows or letters would be taken for pictures."""
    single = isinstance(X, str | Path | Image.Image)
    if isinstance(X, np.ndarray) and X.dtype == np.uint8:
        single = X.ndim == 2 or (X.ndim == 3 and X.shape[2] in (3, 4))
    if single:
        raise InputError("one picture given where several are expected. Put it into a list.")
    return list(X)


def _labels(network: TargetNetwork, folder: str | Path) -> list[Label]:
    """Read the labels back from the class names."""
    from_text = _FROM_TEXT.get(str(network.provenance.get("label_kind")), str)
    try:
        return [from_text(name) for name in network.class_names]
    except ValueError:
        names = listing(list(network.class_names))
        raise InputError(
            f"the class names in '{folder}' are not the numbers they should be: {names}. Copy the folder again."
        ) from None
