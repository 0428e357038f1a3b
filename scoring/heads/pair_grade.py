"""How well two texts go together, from the vectors of a pair that was read as one text."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize


class PairGrade(nn.Module):
    """A linear reading of ``[u, v, u·v, |u − v|]`` (Conneau et al., EMNLP 2017, section 3.1).

    The product begins with the weights of a cosine, all else at 0: what is learned first is to turn
    the two vectors towards each other or away.

    Args:
        dim: d.
        dropout: Of the features.
        start: Weight of the cosine at the beginning.
    """

    def __init__(self, dim: int, dropout: float = 0.1, start: float = 4.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(4 * dim, 1)
        with torch.no_grad():
            self.linear.weight.zero_()
            self.linear.weight[:, 2 * dim : 3 * dim] = start
            self.linear.bias.zero_()

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """(B, d) and (B, d) -> (B,) logits."""
        u, v = normalize(first, dim=1), normalize(second, dim=1)
        features = torch.cat([u, v, u * v, (u - v).abs()], dim=1)  # (B, 4d)
        logits: Tensor = self.linear(self.dropout(features))  # (B, 1)
        return logits.squeeze(-1)
