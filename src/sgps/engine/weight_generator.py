"""WeightGenerator: write every parameter tensor of the target network's backbone for one task.

In: class tokens (N, D), task token (D,), familiarity (K,) of the task to each expert. Out: for every tensor l

    θ_l = (base_l + Σ_k α_lk E_lk) · (1 + S_l d_l)        channel by channel

where E_k = expert_k - base are stored directions, S is learned once in pretraining, and α, d are what a query token per tensor
emits for the task. An expert is followed as far as the task's descriptions name what it has learned: α_lk is its
familiarity times a step, times a factor between 0 and 2 that the generator chooses per tensor. The last layers start at zero,
so that an untrained generator moves every tensor alike, and returns exactly the base where nothing is familiar.

Source of channel scales 1 + s: CNAPs (Requeima et al., arXiv 1906.07697). Low-rank changes of each tensor, generated as in
Text-to-LoRA (arXiv 2506.06105), were part of this and harmed new classes (`docs/log.md`).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sgps.engine.config import EngineConfig
from sgps.target.architecture import Architecture, ParameterSpec, build_architecture

_STEP = 0.02
"""Size of a channel's change, relative to the channel, at a code of length one. Larger ones harm: what tasks of known sets teach
the scales is next to no help for new ones, and they are there so that every tensor depends on the task (`docs/log.md`)."""


@dataclass(frozen=True, kw_only=True)
class Codes:
    """What the generator decides for one task: L tensors, K experts, R learned directions; or for T tasks at once."""

    experts: Tensor
    """α, how far each tensor moves towards each expert: (L, K) or (T, L, K)."""
    scales: Tensor
    """d, coefficients of the channel scales: (L, R) or (T, L, R)."""

    def without(self, parts: Collection[str]) -> Codes:
        """The same with some of `ENGINE_PARTS` switched off."""
        return Codes(
            experts=self.experts * ("experts" not in parts),
            scales=self.scales * ("channel-scales" not in parts),
        )


def _matrix_shape(spec: ParameterSpec) -> tuple[int, int]:
    """Output channels, and everything else in one."""
    return spec.shape[0], math.prod(spec.shape[1:])


class WeightGenerator(nn.Module):
    """Holds base and expert directions, and the network that combines them for a task."""

    base: Tensor
    directions: Tensor

    def __init__(self, config: EngineConfig) -> None:
        super().__init__()
        self.architecture: Architecture = build_architecture(config.architecture)
        self.specs = self.architecture.parameters
        shapes = [_matrix_shape(spec) for spec in self.specs]
        self._sizes = [rows * columns for rows, columns in shapes]
        self._rows = [rows for rows, _ in shapes]
        total, experts, width = sum(self._sizes), len(config.experts), config.width
        self.register_buffer("base", torch.zeros(total), persistent=False)
        self.register_buffer("directions", torch.zeros(experts, total), persistent=False)
        kinds = sorted({spec.kind for spec in self.specs})
        self.register_buffer(
            "query_kind",
            torch.tensor([kinds.index(spec.kind) for spec in self.specs]),
            persistent=False,
        )
        self.register_buffer(
            "query_place",
            torch.tensor(
                [
                    [spec.stage / 7, spec.depth / 8, math.log(rows) / 7, math.log(columns) / 7]
                    for spec, (rows, columns) in zip(self.specs, shapes, strict=True)
                ]
            ),
            persistent=False,
        )
        self.kind_embedding = nn.Embedding(len(kinds), width)
        self.place_embedding = nn.Sequential(
            nn.Linear(4, width), nn.GELU(), nn.Linear(width, width)
        )
        self.attention = nn.MultiheadAttention(width, config.heads, batch_first=True)
        self.mix = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Linear(2 * width, width),
        )
        self.expert_key = nn.Parameter(torch.randn(experts, width) * 0.3)
        self.familiarity_embedding = nn.Linear(1, width)
        self.expert_hidden = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU())
        self.expert_head = nn.Linear(width, 1)
        self.scale_head = nn.Linear(width, config.rank)
        for head in (self.expert_head, self.scale_head):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)
        self.rank = config.rank
        self.expert_step = config.expert_step
        self.scale_directions = nn.Parameter(torch.randn(sum(self._rows), config.rank))

    @torch.no_grad()
    def set_base(self, weights: Mapping[str, Tensor]) -> None:
        """Store the base network's affine weights."""
        self.base.copy_(self._flat(weights))

    def moved_weights(self, index: int) -> dict[str, Tensor]:
        """The base moved a whole step towards expert `index`."""
        parts = torch.split(self.base + self.expert_step * self.directions[index], self._sizes)
        return {s.name: p.view(s.shape) for s, p in zip(self.specs, parts, strict=True)}

    @torch.no_grad()
    def set_direction(self, index: int, weights: Mapping[str, Tensor]) -> None:
        """Store expert `index` as its difference from the base."""
        self.directions[index].copy_(self._flat(weights) - self.base)

    def _flat(self, weights: Mapping[str, Tensor]) -> Tensor:
        return torch.cat([weights[spec.name].reshape(-1) for spec in self.specs])

    def base_weights(self) -> dict[str, Tensor]:
        """The base network's weights by name."""
        parts = torch.split(self.base, self._sizes)
        return {s.name: p.view(s.shape) for s, p in zip(self.specs, parts, strict=True)}

    def expert_weights(self, index: int) -> dict[str, Tensor]:
        """The weights of expert `index` by name."""
        parts = torch.split(self.base + self.directions[index], self._sizes)
        return {s.name: p.view(s.shape) for s, p in zip(self.specs, parts, strict=True)}

    def forward(self, class_tokens: Tensor, task_token: Tensor, familiarity: Tensor) -> Codes:
        """Decide the codes of every tensor.

        Args:
            class_tokens: (N, D).
            task_token: (D,).
            familiarity: (K,), how far each expert has learned the task's classes, 0 to 1.
        """
        query = self.kind_embedding(self.query_kind) + self.place_embedding(
            self.query_place.to(self.base.dtype)
        )
        memory = torch.cat([class_tokens, task_token[None]])[None]
        attended, _ = self.attention(query[None], memory, memory, need_weights=False)
        hidden = query + attended[0] + task_token
        hidden = hidden + self.mix(hidden)
        expert = self.expert_key + self.familiarity_embedding(familiarity[:, None])
        pairs = self.expert_hidden(hidden[:, None] + expert[None])
        # Bounded codes: no task, however strange, can throw the network far from base and experts.
        factor = 2 * self.expert_head(pairs)[..., 0].sigmoid()
        return Codes(
            experts=self.expert_step * familiarity * factor,
            scales=self.scale_head(hidden).tanh(),
        )

    def gains(self, codes: Codes) -> list[Tensor]:
        """What each tensor's output channels are multiplied by."""
        directions = torch.split(self.scale_directions, self._rows)
        unit = _STEP / self.rank**0.5
        scales = codes.scales.unbind(-2)
        return [1 + unit * (own @ of.T) for own, of in zip(scales, directions, strict=True)]

    def compose(self, codes: Codes) -> dict[str, Tensor]:
        """Materialize every tensor of the backbone from the codes; of T tasks each is (T, *shape)."""
        weights: dict[str, Tensor] = {}
        bases = torch.split(self.base, self._sizes)
        directions = torch.split(self.directions, self._sizes, dim=1)
        steps = codes.experts.unbind(-2)
        for index, (spec, gain) in enumerate(zip(self.specs, self.gains(codes), strict=True)):
            moved = bases[index] + steps[index] @ directions[index]
            by_channel = moved.view(*gain.shape, -1) * gain[..., None]
            weights[spec.name] = by_channel.view(*gain.shape[:-1], *spec.shape)
        return weights
