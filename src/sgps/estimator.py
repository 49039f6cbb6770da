"""SynthesizedClassifier: the engine behind scikit-learn's contract.

In: pictures (paths, PIL images or uint8 arrays) and labels. Out: a fitted classifier whose `predict_proba` columns follow the
sorted `classes_`. Fitting is one pass through the engine; the pictures are not kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from sgps.engine.engine import Engine
from sgps.errors import InputError
from sgps.images import ImageSource, read_images
from sgps.target.checkpoint import TargetNetwork
from sgps.target.export import export_onnx
from sgps.task import SupportSet, class_descriptions_in_order

Label = Any
"""A class label: str, int or bool, as in scikit-learn."""


class SynthesizedClassifier(ClassifierMixin, BaseEstimator):
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

    def fit(self, X: Sequence[ImageSource], y: Sequence[Label]) -> SynthesizedClassifier:  # noqa: N803
        """Synthesize the classifier from labelled pictures.

        Args:
            X: n pictures.
            y: n labels.

        Raises:
            InputError: a picture cannot be read, there are fewer than two classes, or a description names none of them.
        """
        labels = column_or_1d(np.asarray(y))
        check_classification_targets(labels)
        if len(labels) != len(X):
            raise InputError(f"{len(X)} images but {len(labels)} labels. Give one label an image.")
        classes, indices = np.unique(labels, return_inverse=True)
        names = tuple(str(label) for label in classes)
        given = self.class_descriptions or {}
        descriptions = class_descriptions_in_order({str(k): v for k, v in given.items()}, names)
        engine = Engine.from_pretrained(self.engine, self.device)
        support = SupportSet(
            images=read_images(list(X), engine.config.image_size),
            labels=torch.from_numpy(indices.astype(np.int64)),
            class_names=names,
            descriptions=descriptions,
        )
        self.classes_ = classes
        self.network_ = engine.synthesize(support)
        self.n_support_ = np.asarray(support.shots)
        self.engine_digest_ = engine.digest
        return self

    def predict_proba(self, X: Sequence[ImageSource]) -> np.ndarray:  # noqa: N803
        """Calibrated probabilities (n, N) of n pictures; columns follow `classes_`."""
        check_is_fitted(self)
        images = read_images(list(X), self.network_.preprocessing.image_size)
        probabilities = self.network_.probabilities(images).double().numpy()
        return np.asarray(probabilities / probabilities.sum(1, keepdims=True))

    def predict(self, X: Sequence[ImageSource]) -> np.ndarray:  # noqa: N803
        """Most probable label of each of n pictures."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(1)])

    @property
    def state_dict_(self) -> dict[str, torch.Tensor]:
        """Every parameter and buffer under timm's names."""
        check_is_fitted(self)
        return self.network_.state_dict()

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the classifier's folder, which timm loads as `local-dir:`.

        Raises:
            InputError: the folder exists, or a label cannot be read back from its text.
        """
        check_is_fitted(self)
        self.network_.save(folder)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> SynthesizedClassifier:
        """Read a folder that `save_pretrained` or `sgps synthesize` wrote; labels come back as text.

        Raises:
            InputError: the folder is missing, foreign or damaged.
        """
        network = TargetNetwork.load(folder)
        names = np.asarray(network.class_names)
        order = np.argsort(names, kind="stable")
        self = cls(
            class_descriptions={
                name: list(texts)
                for name, texts in zip(network.class_names, network.descriptions, strict=False)
                if texts
            }
            or None,
            engine=str(network.provenance.get("engine", "default")),
        )
        self.classes_ = names[order]
        self.network_ = network.reordered([int(index) for index in order])
        shots = network.provenance.get("n_shot")
        shots = shots if isinstance(shots, dict) else {}
        self.n_support_ = np.asarray([shots.get(str(name), 0) for name in self.classes_])
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
