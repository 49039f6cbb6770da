"""Lexicon: what words look like, learned from drawings of which every attribute is known; no patient's picture is in it.

In: a text embedding of each class of a task (N, T). Out: for each class the direction (N, F) in which its pictures should differ
from the others', as far as drawings with such words differ, and how clearly such words were heard (). So a description says
something of classes that are like nothing the engine was pretrained on: what red, scaly or round does to a picture's features.

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
_CLEAR = 0.55
"""Length of the values heard in a class's texts, from the middle of many, at which they are clearly heard. A sentence about a
drawing has 0.9, a description of a disease 0.5 to 0.8, most bare names 0.25 to 0.5."""
_ALIKE = 1e-4
"""Distance of texts from their middle that is rounding."""


class Lexicon(nn.Module):
    """V values of the attributes of G kinds of drawings: how each is said, and how it looks."""

    kind_texts: Tensor
    words: Tensor
    looks: Tensor
    kind_of: Tensor
    phrase_of: Tensor

    def __init__(self, config: EngineConfig) -> None:
        super().__init__()
        features = build_architecture(config.architecture).num_features
        self.values = config.lexicon
        """Names of the values, as `kind/attribute/value`."""
        kinds = [name.partition("/")[0] for name in self.values]
        self.kinds = tuple(dict.fromkeys(kinds))
        """Names of the kinds of drawings."""
        said = [name.partition("/")[2].replace("/", " ") for name in self.values]
        self.phrases = tuple(dict.fromkeys(said))
        """What the values are called to a reader, as `attribute value`; kinds may share them."""
        self.register_buffer("kind_texts", torch.zeros(len(self.kinds), config.text_width))
        self.register_buffer("words", torch.zeros(len(kinds), config.text_width))
        self.register_buffer("looks", torch.zeros(len(kinds), features))
        places = {
            "kind_of": [self.kinds.index(kind) for kind in kinds],
            "phrase_of": [self.phrases.index(phrase) for phrase in said],
        }
        for name, place in places.items():
            self.register_buffer(name, torch.tensor(place, dtype=torch.int64), persistent=False)

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
        rows = torch.nonzero(self.kind_of == self.kinds.index(kind))[:, 0]
        column = {self.values[row]: place for place, row in enumerate(rows.tolist())}
        told = texts.new_zeros(len(shown), len(rows))
        for row, values in zip(told, shown, strict=True):
            row[[column[value] for value in values]] = 1
        self.kind_texts[self.kinds.index(kind)] = functional.normalize(texts.mean(0), dim=0)
        told, texts, features = (part - part.mean(0) for part in (told, texts, features))
        penalty = _WORD_RIDGE * texts.square().sum(0).mean()
        self.words[rows] = _ridge(texts, told, penalty).T
        self.looks[rows] = _ridge(told, features, torch.tensor(_LOOK_RIDGE).to(told))

    def forward(self, text: Tensor, has_text: Tensor) -> tuple[Tensor, Tensor]:
        """Directions (N, F), of mean length one and none longer, and how clearly values were heard in the texts (), 0 to 1.

        Both are zero where there is nothing to compare.

        Args:
            text: text embeddings (N, T); rows without a description are ignored.
            has_text: bool (N,).
        """
        directions = self.looks.new_zeros(len(has_text), self.looks.shape[1])
        if not self._tells_apart(text, has_text):
            return directions, directions.new_zeros(())
        say, heard = self._heard(text[has_text])
        own, loudness = directions[has_text], directions.new_zeros(())
        for kind, share in enumerate(say):
            rows = self.kind_of == kind
            own = own + share * _of_mean_length_one(heard[:, rows] @ self.looks[rows])
            loudness = loudness + share * heard[:, rows].norm(dim=1).mean()
        own = _of_mean_length_one(own)
        directions[has_text] = own / own.norm(dim=1, keepdim=True).clamp(min=1)
        # From the middle of few texts each lies nearer than from that of many.
        spread = len(own) / (len(own) - 1)
        return directions, (spread * (loudness / _CLEAR).square()).clamp(max=1)

    def heard(self, text: Tensor, has_text: Tensor) -> Tensor:
        """How much more the texts of each class say each of P phrases than those of the others (N, P); about 1 for a plain word.

        Args:
            text: text embeddings (N, T); rows without a description are ignored.
            has_text: bool (N,).
        """
        found = self.looks.new_zeros(len(has_text), len(self.phrases))
        if self._tells_apart(text, has_text):
            say, heard = self._heard(text[has_text])
            found[has_text] = found[has_text].index_add(
                1, self.phrase_of, heard * say[self.kind_of]
            )
        return found

    def _tells_apart(self, text: Tensor, has_text: Tensor) -> bool:
        """Whether the described classes are described differently, and there are words to hear."""
        described = text[has_text]
        if not self.kinds or len(described) < 2:
            return False
        return float((described - described.mean(0)).norm(dim=1).max()) > _ALIKE

    def _heard(self, text: Tensor) -> tuple[Tensor, Tensor]:
        """The say of each kind (G,), and the values heard in each class's texts, from the middle of all (N, V)."""
        middle = text.mean(0)
        say = (_SHARPNESS * (self.kind_texts @ functional.normalize(middle, dim=0))).softmax(0)
        return say, (text - middle) @ self.words.T


def _ridge(given: Tensor, wanted: Tensor, penalty: Tensor) -> Tensor:
    gram = given.T @ given
    penalized = gram + penalty * torch.eye(len(gram)).to(gram)
    solution: Tensor = torch.linalg.solve(penalized, given.T @ wanted)
    return solution


def _of_mean_length_one(vectors: Tensor) -> Tensor:
    scaled: Tensor = vectors / vectors.norm(dim=1).mean().clamp(min=1e-6)
    return scaled
