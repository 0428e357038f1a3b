"""One question: the logit of a yes."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class YesNo(nn.Module):
    """Logistic regression on a text's vector, after dropout.

    Attributes:
        temperature: () by which logits are divided for honest probabilities (Guo et al. 2017).
    """

    temperature: Tensor

    def __init__(self, dim: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(dim, 1)
        self.register_buffer("temperature", torch.ones(()))

    def forward(self, vectors: Tensor) -> Tensor:
        """(B, d) vectors -> (B,) logits."""
        logits: Tensor = self.linear(self.dropout(vectors))  # (B, 1)
        return logits.squeeze(-1)
