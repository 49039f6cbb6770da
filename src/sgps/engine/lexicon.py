"""Lexicon: what words look like, learned from drawings of which every attribute is known; no patient's picture is in it.

In: a text embedding of each class of a task (N, T). Out: for each class the direction (N, F) in which its pictures should differ
from the others', as far as drawings with such words differ. So a description says something of classes that are like nothing
the engine was pretrained on: what red, scaly or round does to the features of a picture.

A sentence tells what a drawing shows. For each kind of drawings two ridge regressions lead from the sentence to the attributes'
values, and from those to the features. Which kind answers, the task's texts say.

Sources: attributes between words and pictures after Lampert et al., "Learning to detect unseen object classes by between-class
attribute transfer" (CVPR 2009); a linear map from texts to features in closed form after Romera-Paredes and Torr, "An
embarrassingly simple approach to zero-shot learning" (ICML 2015).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from sgps.engine.config import EngineConfig
from sgps.target.architecture import build_architecture

# All chosen on dev.
_SHARPNESS = 10.0
"""How clearly the kind whose sentences are most like the task's texts answers before the others."""
_WORD_RIDGE = 10.0
"""Penalty of the values that are heard in a text, in mean squares of an embedding's numbers over all drawings of a kind."""
_LOOK_RIDGE = 5.0
"""Penalty of how a value looks, in drawings."""


class Lexicon(nn.Module):
    """V values of the attributes of G kinds of drawings: how each is said, and how it looks."""

    kind_texts: Tensor
    words: Tensor
    looks: Tensor

    def __init__(self, config: EngineConfig) -> None:
        super().__init__()
        features = build_architecture(config.architecture).num_features
        self.values = config.lexicon
        """Names of the values, as `kind/attribute/value`."""
        kinds = [name.partition("/")[0] for name in self.values]
        self.kinds = tuple(dict.fromkeys(kinds))
        """Names of the kinds of drawings."""
        self.register_buffer("kind_texts", torch.zeros(len(self.kinds), config.text_width))
        self.register_buffer("words", torch.zeros(len(kinds), config.text_width))
        self.register_buffer("looks", torch.zeros(len(kinds), features))
        self._rows = [[row for row, own in enumerate(kinds) if own == kind] for kind in self.kinds]

    @torch.no_grad()
    def learn(
        self, kind: str, shown: Sequence[Sequence[str]], texts: Tensor, features: Tensor
    ) -> None:
        """Learn the values of one kind of drawings.

        Args:
            kind: name of the kind.
            shown: values that each of m drawings shows, as `kind/attribute/value`.
            texts: embeddings (m, T) of a sentence about each.
            features: base features (m, F) of the drawings.
        """
        rows = self._rows[self.kinds.index(kind)]
        column = {self.values[row]: place for place, row in enumerate(rows)}
        told = texts.new_zeros(len(shown), len(rows))
        for row, values in zip(told, shown, strict=True):
            row[[column[value] for value in values]] = 1
        self.kind_texts[self.kinds.index(kind)] = functional.normalize(texts.mean(0), dim=0)
        told, texts, features = (part - part.mean(0) for part in (told, texts, features))
        penalty = _WORD_RIDGE * texts.square().sum(0).mean()
        self.words[rows] = _ridge(texts, told, penalty).T
        self.looks[rows] = _ridge(told, features, torch.tensor(_LOOK_RIDGE).to(told))

    def forward(self, text: Tensor, has_text: Tensor) -> Tensor:
        """Directions (N, F), the middle one of length one and none longer; zero where there is nothing to compare.

        Args:
            text: text embeddings (N, T); rows without a description are ignored.
            has_text: bool (N,).
        """
        directions = self.looks.new_zeros(len(has_text), self.looks.shape[1])
        if not self.kinds or int(has_text.sum()) < 2:
            return directions
        say, heard = self._heard(text, has_text)
        for share, rows in zip(say, self._rows, strict=True):
            directions = directions + share * _of_mean_length_one(heard[:, rows] @ self.looks[rows])
        directions = _of_mean_length_one(directions)
        bounded: Tensor = directions / directions.norm(dim=1, keepdim=True).clamp(min=1)
        return bounded

    def heard(self, text: Tensor, has_text: Tensor) -> Tensor:
        """How much more the texts of each class say each value than those of the others (N, V); 0 to 1 for a plain word.

        Args:
            text: text embeddings (N, T).
            has_text: bool (N,), at least one.
        """
        say, heard = self._heard(text, has_text)
        of_kind = torch.tensor([len(rows) for rows in self._rows], device=say.device)
        return heard * say.repeat_interleave(of_kind)

    def _heard(self, text: Tensor, has_text: Tensor) -> tuple[Tensor, Tensor]:
        """The say of each kind (G,), and the values heard in each class's texts, from the middle of all (N, V)."""
        middle = text[has_text].mean(0)
        say = (_SHARPNESS * (self.kind_texts @ functional.normalize(middle, dim=0))).softmax(0)
        return say, ((text - middle) * has_text[:, None]) @ self.words.T


def _ridge(given: Tensor, wanted: Tensor, penalty: Tensor) -> Tensor:
    gram = given.T @ given
    penalized = gram + penalty * torch.eye(len(gram)).to(gram)
    solution: Tensor = torch.linalg.solve(penalized, given.T @ wanted)
    return solution


def _of_mean_length_one(vectors: Tensor) -> Tensor:
    scaled: Tensor = vectors / vectors.norm(dim=1).mean().clamp(min=1e-6)
    return scaled
