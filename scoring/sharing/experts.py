"""Several MLPs of one shape, computed as one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, relu


class Experts(nn.Module):
    """E MLPs of Linear, ReLU and dropout, as one product a layer.

    Args:
        n_experts: E.
        widths: Of input, hidden layers and output; at least input and output.
        dropout: Share of each layer's values that is dropped in training.
    """

    def __init__(self, n_experts: int, widths: Sequence[int], dropout: float = 0.0) -> None:
        super().__init__()
        self.n_experts = n_experts
        self._dropout = dropout
        self.weights = nn.ParameterList(
            torch.empty(n_experts, n_in, n_out) for n_in, n_out in pairwise(widths)
        )
        self.biases = nn.ParameterList(torch.empty(n_experts, n) for n in widths[1:])
        with torch.no_grad():  # as nn.Linear does
            for weight, bias in zip(self.weights, self.biases, strict=True):
                bound = weight.shape[1] ** -0.5
                weight.uniform_(-bound, bound)
                bias.uniform_(-bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """(B, D) for all experts, or (B, E, D) for one each -> (B, E, H)."""
        if x.dim() == 2:
            x = x.unsqueeze(1).expand(-1, self.n_experts, -1)  # (B, E, D)
        for weight, bias in zip(self.weights, self.biases, strict=True):
            x = torch.einsum("bed,edh->beh", x, weight) + bias
            x = dropout(relu(x), self._dropout, self.training)
        return x
