"""MMoE: shared experts, one gate a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from scoring.errors import SharingError
from scoring.sharing.contract import Sharing, read_out, towers
from scoring.sharing.experts import Experts


class MMoE(Sharing):
    """Ma et al., KDD 2018, section 4.2: each task mixes the same experts in its own way.

    With one expert this is hard sharing.

    Args:
        dim: D, of the features.
        outputs: Task -> number of logits.
        n_experts: E.
        hidden: Widths of each expert's layers.
        tower: Widths of each tower's hidden layers.
        dropout: After each hidden layer.
    """

    def __init__(
        self,
        dim: int,
        outputs: Mapping[str, int],
        *,
        n_experts: int = 4,
        hidden: Sequence[int] = (64,),
        tower: Sequence[int] = (32,),
        dropout: float = 0.0,
    ) -> None:
        super().__init__(outputs)
        if n_experts < 1:
            raise SharingError(f"n_experts is {n_experts}: 1 or more")
        self.experts = Experts(n_experts, (dim, *hidden), dropout)
        # A softmax does not notice a bias that is the same everywhere; the paper has none at all.
        self.gates = nn.ModuleList(nn.Linear(dim, n_experts, bias=False) for _ in outputs)
        self.towers = towers((dim, *hidden)[-1], tower, outputs, dropout)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """(B, D) features -> task -> (B,) or (B, C) logits."""
        experts = self.experts(x)  # (B, E, H)
        logits = {}
        for task, gate, tower in zip(self.tasks, self.gates, self.towers, strict=True):
            weights = gate(x).softmax(dim=-1)  # (B, E)
            logits[task] = read_out(tower, torch.einsum("be,beh->bh", weights, experts))
        return logits

    def private(self, task: str) -> list[nn.Parameter]:
        """Those of its gate and tower."""
        place = self.place(task)
        return [*self.gates[place].parameters(), *self.towers[place].parameters()]
