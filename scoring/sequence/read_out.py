"""Causal states -> several interests: what was done last, and what the whole past is about."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from scoring.sequence.relative_bias import RelativeBias

_WIDENING: Final = 4  # d_a = 4 d, as published


class ReadOut(nn.Module):
    """The state itself, and K - 1 means of all states up to it, each with weights of its own.

    The means are the self-attentive read-out of ComiRec (Cen et al., KDD 2020, section 3.2, after
    Lin et al., ICLR 2017), ``softmax(w_k · tanh(W h_j))`` over the events j up to now, with the
    relative bias of the tower in place of added positions: an interest may be for the latest few
    events or for those of long ago. ComiRec has no interest that is the state itself; without it
    a tower is worse than with one interest alone (docs/benchmarks-sequence.md).
    """

    def __init__(self, width: int, n_interests: int, length: int) -> None:
        """Begin with means that weigh all events about alike.

        Args:
            width: d.
            n_interests: K, 2 or more.
            length: Most events that are read.
        """
        super().__init__()
        n_means = n_interests - 1
        self.widen = nn.Linear(width, _WIDENING * width)
        self.weigh = nn.Linear(_WIDENING * width, n_means, bias=False)
        self.bias = RelativeBias(n_means, length)

    def forward(self, states: Tensor, at_ms: Tensor) -> Tensor:
        """(B, T, d) states, (B, T) moments -> (B, T, K, d)."""
        said = self.weigh(torch.tanh(self.widen(states)))  # (B, T, K - 1)
        scores = said.transpose(1, 2).unsqueeze(2) + self.bias(at_ms)  # (B, K - 1, T, T)
        means = scores.softmax(dim=-1) @ states.unsqueeze(1)  # (B, K - 1, T, d)
        return torch.cat([states.unsqueeze(1), means], dim=1).transpose(1, 2)
