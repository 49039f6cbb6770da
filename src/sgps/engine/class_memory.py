"""ClassMemory: what the engine knows of the classes that it was pretrained on, found again by what a description says.

In: a text embedding of each class of a task (N, T), and the mean base feature of its pictures. Out: a `Recall`: for each class,
where in feature space pictures that fit its description should lie, how many pictures that knowledge is worth, and how familiar
the task is to each expert.

Known classes whose texts are like a description, and whose pictures are like the task's, answer together, the likest loudest.
What they say is a direction: how their pictures differ from the other classes of their own set, since stain, camera and
illumination differ between sets. It is worth the more pictures the more the texts are alike. Pictures alike, as of another
disease under the same instrument, make it worth a little; a task that resembles nothing known is left to its own pictures.

Sources: prediction of a classifier's weights from class descriptions after Elhoseiny et al., "Write a Classifier" (ICCV 2013);
convex combination of known classes by the likeness of texts after Norouzi et al., "ConSE" (arXiv 1312.5650); classes of a memory
as a prior for few pictures after Qi et al., "Low-shot learning with imprinted weights" (arXiv 1712.07136).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from sgps.engine.config import EngineConfig
from sgps.target.architecture import build_architecture

# Likeness of texts and of pictures at which knowledge counts half, and how steeply. Chosen on dev, where the right class of
# another set lies at 0.7 and above, a merely related one at 0.6 and below; pictures of one kind at 0.6 and above.
_LIKE_TEXT, _TEXT_SLOPE = 0.62, 20.0
_LIKE_PICTURES, _PICTURE_SLOPE = 0.45, 15.0
_SAME_TEXT = 0.78, 0.92
"""Likeness of texts below which a class is not, and above which it is taken to be the known one itself. Two or three texts of a
class have 0.95 with all of its texts together, one text 0.79 (median over the catalogue), the same class of another set 0.7 to
0.86: there an expert does more harm than good."""
_SAME_PICTURES = 0.4, 0.6
"""The same of pictures."""
_SAME_WORTH = 4.0
"""How many times more pictures the known class itself is worth than one that is like it: nothing then speaks against the mean of
all its pictures but that camera and clinic may differ. Chosen on dev."""
_KIN_WORTH = 0.3
"""Pictures that known classes are worth whose pictures are like the task's, be their texts like its own or not: together they
tell what words do to such pictures. Chosen on dev."""
_ALIKE = 1e-4
"""Length of a direction, in lengths of a known class's, that is rounding: what is said of all classes alike tells nothing."""
_MIXTURE_RIDGE = 0.01
"""Penalty of a mixture of sets, in mean squared distances of sets from their middle; it only keeps the equations sound."""
_ASSUMED_LIKENESS = 0.7
"""Of the pictures of a task that has none: they are taken to be like those of every known class."""


@dataclass(frozen=True, kw_only=True)
class Recall:
    """What memory and lexicon know of the N classes of a task by their descriptions; K experts."""

    directions: Tensor
    """Where each class lies from the middle of the task (N, F); of length one where the answer is clear, less where not."""
    count: Tensor
    """How many pictures of each class the direction is worth (N,); zero where nothing is known."""
    known: Tensor
    """How many of these are owed to known classes that are like it (N,)."""
    center: Tensor
    """Middle of the sets that answered (F,)."""
    middles: Tensor
    """Middle of every known set that may answer (S, F), whatever the descriptions say; none where there is no memory."""
    familiarity: Tensor
    """How far each expert has learned the task's own classes (K,), 0 to 1."""
    shares: Tensor
    """Say of each known class in each direction (N, M)."""
    agreement: Tensor
    """How far the task's pictures bear all this out (), 0 to 1; `count` and `known` have been multiplied by it."""

    def agreeing(self, agreement: Tensor) -> Recall:
        """The same, once the pictures have been looked at, which bear it out as far as `agreement` () says."""
        return replace(
            self, count=self.count * agreement, known=self.known * agreement, agreement=agreement
        )

    def joined(self, directions: Tensor, count: Tensor) -> Recall:
        """The same with other directions (N, F) beside, worth `count` () pictures each, a zero one none; not yet `agreeing`."""
        more = count * (directions.norm(dim=1) > 0).to(self.count)
        total = self.count + more
        share = (more / total.clamp(min=1e-6))[:, None]
        return replace(
            self, directions=self.directions + share * (directions - self.directions), count=total
        )

    def between_middles(self, point: Tensor) -> Tensor:
        """What is nearest to `point` (F,) among all mixtures of the known sets' middles, also (F,).

        From the middle of a few pictures it takes away what lies in no direction in which sets differ: the chance of the draw.
        With fewer than two known sets it is the point itself.
        """
        if len(self.middles) < 2:
            return point
        mean = self.middles.mean(0)
        apart = self.middles - mean
        gram = apart @ apart.T
        scale = gram.diagonal().mean().clamp(min=1e-9)
        ridge = _MIXTURE_RIDGE * scale * torch.eye(len(gram)).to(gram)
        nearest: Tensor = mean + torch.linalg.solve(gram + ridge, apart @ (point - mean)) @ apart
        return nearest


class ClassMemory(nn.Module):
    """M known classes: their texts, and where their pictures lie among those of their set."""

    text: Tensor
    directions: Tensor
    moved: Tensor
    centers: Tensor
    set_of: Tensor
    expert_of: Tensor

    def __init__(self, config: EngineConfig) -> None:
        super().__init__()
        features = build_architecture(config.architecture).num_features
        names = [name.partition("/")[0] for name in config.known_classes]
        self.sets = tuple(dict.fromkeys(names))
        """Names of the known sets."""
        count = len(names)
        self.num_experts = len(config.experts)
        self.register_buffer("text", torch.zeros(count, config.text_width))
        self.register_buffer("directions", torch.zeros(count, features))
        self.register_buffer("moved", torch.zeros(count, features))
        self.register_buffer("centers", torch.zeros(len(self.sets), features))
        self.register_buffer(
            "set_of",
            torch.tensor([self.sets.index(name) for name in names], dtype=torch.int64),
            persistent=False,
        )
        self.register_buffer(
            "expert_of",
            torch.tensor(config.known_experts, dtype=torch.int64),
            persistent=False,
        )
        self.log_sharpness = nn.Parameter(torch.tensor([2.5, 1.5]))
        self.log_count = nn.Parameter(torch.tensor(0.0))

    @torch.no_grad()
    def remember(self, text: Tensor, means: Tensor, moved_means: Tensor) -> None:
        """Fill the memory.

        Args:
            text: mean embeddings of each class's descriptions (M, T).
            means: mean features of each class's pictures under the base (M, F).
            moved_means: the same under the base moved towards the class's expert.
        """
        self.text.copy_(functional.normalize(text, dim=1))
        member = functional.one_hot(self.set_of, len(self.centers)).to(means)
        mean_of_set = member.T / member.sum(0)[:, None]
        self.centers.copy_(mean_of_set @ means)
        self.directions.copy_(means - self.centers[self.set_of])
        self.moved.copy_(moved_means - (mean_of_set @ moved_means)[self.set_of])

    @property
    def length(self) -> Tensor:
        """Mean length of a direction."""
        length: Tensor = self.directions.norm(dim=1).mean()
        return length

    def all_but(self, hidden_set: str | None) -> Tensor:
        """Which known classes are of another set than the hidden one, bool (M,); all where it is none of the known ones."""
        hidden = self.sets.index(hidden_set) if hidden_set in self.sets else -1
        return self.set_of != hidden

    def forward(
        self,
        text: Tensor,
        has_text: Tensor,
        pictures: Tensor | None,
        allowed: Tensor | None = None,
    ) -> Recall:
        """Recall what is known of N classes.

        Args:
            text: text embeddings (N, T); rows without a description are ignored.
            has_text: bool (N,).
            pictures: mean base feature of the task's pictures (F,), each class counting the same; none without pictures.
            allowed: bool (M,), which known classes may answer; all by default.
        """
        described = has_text.to(self.directions.dtype)
        middles = self.centers
        if allowed is not None:
            middles = middles[torch.unique(self.set_of[allowed])]
        silent = not len(self.text) if allowed is None else not bool(allowed.any())
        if silent or not bool(has_text.any()):
            return self.nothing(len(has_text), middles)
        same_text = functional.normalize(text, dim=1) @ self.text.T
        same_pictures = self._likeness(pictures)
        sharpness = self.log_sharpness.exp()
        says = sharpness[0] * same_text + sharpness[1] * same_pictures
        if allowed is not None:
            says = says.masked_fill(~allowed, -1e4)
        shares = says.softmax(1)
        seen = torch.sigmoid(_PICTURE_SLOPE * (same_pictures - _LIKE_PICTURES))
        relevant = shares * torch.sigmoid(_TEXT_SLOPE * (same_text - _LIKE_TEXT)) * seen
        known = shares * _ramp(same_text, *_SAME_TEXT) * _ramp(same_pictures, *_SAME_PICTURES)
        expert = functional.one_hot(self.expert_of + 1, self.num_experts + 1)[:, 1:].to(known)
        # A measurement: episodes must not learn to find every task familiar.
        familiarity = ((described @ known @ expert) / len(has_text)).detach()
        step = (expert @ familiarity)[:, None]
        directions = shares @ (self.directions + step * (self.moved - self.directions))
        kin = torch.zeros_like(described)
        if int(has_text.sum()) > 1:
            # Towards or away from the middle of the described classes, which is where the middle of their pictures is put.
            directions = directions - directions[has_text].mean(0)
            told = directions.norm(dim=1) > _ALIKE * self.length
            kin = _KIN_WORTH * (shares * seen).sum(1) * told * described
        directions = directions / self.length.clamp(min=1e-6)
        directions = directions / directions.norm(dim=1, keepdim=True).clamp(min=1)
        worth = relevant.sum(1) * (1 + _SAME_WORTH * known.sum(1))
        known_count = self.log_count.exp() * worth * described
        return Recall(
            directions=directions * described[:, None],
            count=known_count + kin,
            known=known_count,
            center=shares[has_text].mean(0) @ self.centers[self.set_of],
            middles=middles,
            familiarity=familiarity,
            shares=shares * described[:, None],
            agreement=torch.ones_like(self.log_count),
        )

    def _likeness(self, pictures: Tensor | None) -> Tensor:
        """Cosine (M,) between the task's pictures and those of each known class's set, from the middle of all sets."""
        if pictures is None:
            return self.directions.new_full((len(self.text),), _ASSUMED_LIKENESS)
        middle = self.centers.mean(0)
        own = functional.cosine_similarity(self.centers - middle, (pictures - middle)[None], dim=1)
        spread: Tensor = own[self.set_of]
        return spread

    def nothing(self, classes: int, middles: Tensor | None = None) -> Recall:
        """What is known of N classes without a word: at most where known sets lie."""
        zeros = self.directions.new_zeros
        width = self.directions.shape[1]
        return Recall(
            middles=zeros(0, width) if middles is None else middles,
            directions=zeros(classes, width),
            count=zeros(classes),
            known=zeros(classes),
            center=zeros(width),
            familiarity=zeros(self.num_experts),
            shares=zeros(classes, len(self.text)),
            agreement=torch.ones_like(self.log_count),
        )


def _ramp(values: Tensor, low: float, high: float) -> Tensor:
    """From 0 at `low` and below to 1 at `high` and above."""
    return ((values - low) / (high - low)).clamp(0, 1)
