"""TaskEncoder: one token for each class and one for the task.

In: picture tokens (n, D) with labels (n,), text tokens (N, D). Out: class tokens (N, D), task token (D,). Pictures of a class
are averaged, so their order cannot matter; classes attend to each other without positions, so their order carries no meaning.
Source of the set transformer: Lee et al., arXiv 1810.00825.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from sgps.engine.config import EngineConfig


class TaskEncoder(nn.Module):
    """A small transformer over the classes of a task."""

    def __init__(self, config: EngineConfig) -> None:
        super().__init__()
        width = config.width
        self.no_image = nn.Parameter(torch.zeros(width))
        self.no_text = nn.Parameter(torch.zeros(width))
        self.task_query = nn.Parameter(torch.randn(width) * 0.02)
        self.merge = nn.Linear(3 * width, width)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, config.heads, 2 * width, dropout=0.0, batch_first=True, norm_first=True
            )
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(
        self, image_tokens: Tensor, labels: Tensor, text_tokens: Tensor, has_text: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return class tokens (N, D) and the task token (D,).

        Args:
            image_tokens: (n, D).
            labels: (n,) in [0, N).
            text_tokens: (N, D); rows of classes without a description are ignored.
            has_text: bool (N,).
        """
        num_classes = len(has_text)
        member = functional.one_hot(labels, num_classes).to(image_tokens.dtype)
        counts = member.sum(0)[:, None]
        mean = member.T @ image_tokens / counts.clamp(min=1)
        spread = (member.T @ (image_tokens - mean[labels]).square()) / counts.clamp(min=1)
        seen = counts > 0
        mean = torch.where(seen, mean, self.no_image)
        text = torch.where(has_text[:, None], text_tokens, self.no_text)
        classes = self.merge(torch.cat([mean, (spread + 1e-6).sqrt() * seen, text], 1))
        tokens = torch.cat([self.task_query[None], classes])[None]
        for layer in self.layers:
            tokens = layer(tokens)
        tokens = self.norm(tokens)[0]
        return tokens[1:], tokens[0]
