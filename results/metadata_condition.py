"""Age, sex and site of pictures as a condition: counted, and mixed by networks with and without attention.

In: values of the pictures of a support (n, 3), as places among the values of each attribute, -1 where not known. Out: for
each class of a task a log-likelihood of a query's values, a shift of its support features, or a say in a query's scores.

N classes, K pictures of each, q queries, D numbers a token, F features, V values of an attribute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from sgps.engine.head import Head

WIDTH, HEADS = 32, 4
AGES, AGE_SPREAD = 18, 2.0
"""Ages of 0 to 85 in steps of five years, and how many steps an age spreads when it is counted."""
AREAS = ("head and neck", "trunk", "upper extremity", "lower extremity")
AREA_OF = {
    **dict.fromkeys(("face", "scalp", "ear", "neck"), AREAS[0]),
    **dict.fromkeys(("back", "abdomen", "chest", "trunk", "genital"), AREAS[1]),
    **dict.fromkeys(("upper extremity", "hand"), AREAS[2]),
    **dict.fromkeys(("lower extremity", "foot"), AREAS[3]),
}
"""Sites put together: back, chest or abdomen in some records is trunk in others, which may tell who wrote them."""
SITES = tuple(sorted(AREA_OF))


def spread_of_ages() -> Tensor:
    """(AGES, AGES): row by row what share of a patient of one age is counted at each age."""
    steps = torch.arange(AGES).float()
    return (-0.5 * ((steps[:, None] - steps) / AGE_SPREAD).square()).softmax(1)


ALIKE = (spread_of_ages(), torch.eye(2), torch.eye(len(AREAS)))
"""For age, sex and site: row by row how one value is counted as every value."""
ALIKE_RECORDED = (*ALIKE[:2], torch.eye(len(SITES)))


def read_values(rows: Sequence[Mapping[str, str]], areas: bool = True) -> Tensor:
    """Age, sex and site of each row as places among their values, int64 (n, 3); -1 where not known."""
    found = []
    for row in rows:
        age = int(float(row["age"]) // 5) if row["age"] else -1
        sex = ("female", "male").index(row["sex"]) if row["sex"] in ("female", "male") else -1
        site, area = row["localization"], AREA_OF.get(row["localization"])
        # A site that is not known is in no area.
        place = AREAS.index(area) if areas and area else SITES.index(site) if area else -1
        found.append([min(age, AGES - 1), sex, place])
    return torch.tensor(found, dtype=torch.int64).view(-1, 3)


def counted(values: Tensor, alike: Tensor) -> Tensor:
    """Values (m,) of one attribute, each spread over all of them (m, V); zero where not known."""
    return alike[values.clamp(min=0)] * (values >= 0)[:, None]


def likelihoods(
    support: Tensor,
    labels: Tensor,
    query: Tensor,
    prior: Sequence[Tensor],
    smoothing: float,
    alike: Sequence[Tensor],
) -> Tensor:
    """Log-likelihood (q, N) of the queries' metadata in each class, over that in all; what is not known says nothing.

    Args:
        support: values (n, 3).
        labels: (n,) in [0, N).
        query: values (q, 3).
        prior: for each attribute how frequent its values are in general (V,).
        smoothing: how many pictures of that general kind are counted with those of each class.
        alike: for each attribute how a value is counted as every value (V, V).
    """
    member = functional.one_hot(labels).float()
    total = torch.zeros(len(query), member.shape[1])
    for place, (usual, own) in enumerate(zip(prior, alike, strict=True)):
        counts = member.T @ counted(support[:, place], own)
        mixed = (counts + smoothing * usual) / (counts.sum(1, keepdim=True) + smoothing)
        gain = (mixed.clamp(min=1e-6) / usual.clamp(min=1e-6)).log()
        asked = query[:, place]
        total += gain.T[asked.clamp(min=0)] * (asked >= 0)[:, None]
    return total


def _layers(width: int, hidden: int) -> nn.Module:
    return nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))


class AttentionFree(nn.Module):
    """Tokens (N, K, 3, D) of K pictures of N classes to class vectors (N, D), one axis after the other, by plain layers.

    Along attributes the mixing is a small network, since they have places. Pictures and classes have none: there each token
    receives a linear map of their mean, so that their order cannot matter and there may be any number of them.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(5))
        self.attributes = _layers(3, 12)
        self.pictures, self.classes = nn.Linear(width, width), nn.Linear(width, width)
        # As many numbers as the other network has in its attention.
        self.first, self.second = (_layers(width, 7 * width // 2) for _ in range(2))

    def forward(self, tokens: Tensor) -> Tensor:
        """Mix."""
        x = tokens + self.attributes(self.norms[0](tokens).transpose(2, 3)).transpose(2, 3)
        x = x + self.pictures(self.norms[1](x).mean(1, keepdim=True))
        x = x + self.first(self.norms[2](x))
        classes = x.mean((1, 2))
        classes = classes + self.classes(self.norms[3](classes).mean(0, keepdim=True))
        mixed: Tensor = classes + self.second(self.norms[4](classes))
        return mixed


class Attention(nn.Module):
    """The same by multi-head attention: among the tokens of a class, then among classes."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.within, self.across = (
            nn.TransformerEncoderLayer(
                width, HEADS, 2 * width, dropout=0.0, batch_first=True, norm_first=True
            )
            for _ in range(2)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Mix."""
        mixed: Tensor = self.across(self.within(tokens.flatten(1, 2)).mean(1)[None])[0]
        return mixed


MIXERS: Mapping[str, Callable[[int], nn.Module]] = {
    "attention-free": AttentionFree,
    "attention": Attention,
}


class Classes(nn.Module):
    """Age, sex and site of a support as one vector a class."""

    def __init__(self, mixer: str) -> None:
        super().__init__()
        self.tables = nn.ParameterList(nn.Parameter(torch.randn(len(one), WIDTH)) for one in ALIKE)
        self.mixer = MIXERS[mixer](WIDTH)
        self.norm = nn.LayerNorm(WIDTH)

    def tokens(self, values: Tensor) -> Tensor:
        """One token for each value (m, 3, D); zero where not known."""
        parts = [
            counted(values[:, place], own) @ table
            for place, (own, table) in enumerate(zip(ALIKE, self.tables, strict=True))
        ]
        return torch.stack(parts, 1)

    def vectors(self, support: Tensor, ways: int) -> Tensor:
        """(N, D) from values (N * K, 3), class after class."""
        found: Tensor = self.norm(self.mixer(self.tokens(support).view(ways, -1, 3, WIDTH)))
        return found


class Correction(Classes):
    """What is added to the support features of each class; nothing before it has learned."""

    def __init__(self, mixer: str, head: Head) -> None:
        super().__init__(mixer)
        self.out = nn.Linear(WIDTH, head.num_features, bias=False)
        nn.init.zeros_(self.out.weight)
        # Whatever the number of features, a step moves a class by the same share of the usual spread within one.
        self.unit = float(head.within) / head.num_features**0.5

    def forward(self, support: Tensor, ways: int) -> Tensor:
        """(N, F)."""
        shift: Tensor = self.unit * self.out(self.vectors(support, ways))
        return shift


class Match(Classes):
    """How well a query's age, sex and site go with those of each class; no say before it has learned."""

    def __init__(self, mixer: str) -> None:
        super().__init__(mixer)
        last = nn.Linear(2 * WIDTH, WIDTH)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.asked = nn.Sequential(nn.Linear(3 * WIDTH, 2 * WIDTH), nn.GELU(), last)

    def forward(self, support: Tensor, ways: int, query: Tensor) -> Tensor:
        """Added to the scores (q, N)."""
        asked = self.asked(self.tokens(query).flatten(1))
        said: Tensor = asked @ self.vectors(support, ways).T / WIDTH**0.5
        return said
