"""PLE: shared experts, and experts that only one task may use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from scoring.errors import SharingError
from scoring.sharing.contract import Sharing, read_out, towers
from scoring.sharing.experts import Experts


class PLE(Sharing):
    """Tang et al., RecSys 2020: progressive layered extraction; one level of it is their CGC.

    At each level, a task's gate mixes its own experts with the shared ones; below the last level,
    a shared gate mixes all experts for the shared ones of the next level. So with one level a
    task's loss never touches another task's experts; with several, it reaches those below the last
    level through the shared gate, as in the paper, and they count as shared here.

    Args:
        dim: D, of the features.
        outputs: Task -> number of logits.
        n_shared: Shared experts of a level.
        n_private: Experts that each task has at each level.
        levels: Extraction layers.
        hidden: Widths of each expert's layers.
        tower: Widths of each tower's hidden layers.
        dropout: After each hidden layer.
    """

    def __init__(
        self,
        dim: int,
        outputs: Mapping[str, int],
        *,
        n_shared: int = 2,
        n_private: int = 2,
        levels: int = 1,
        hidden: Sequence[int] = (64,),
        tower: Sequence[int] = (32,),
        dropout: float = 0.0,
    ) -> None:
        super().__init__(outputs)
        if min(n_shared, n_private, levels, len(hidden)) < 1:
            raise SharingError("n_shared, n_private, levels and layers of hidden: 1 or more each")
        width = hidden[-1]
        self.levels = nn.ModuleList(
            _Level(
                (width if level else dim, *hidden),
                len(outputs),
                n_shared,
                n_private,
                dropout,
                last=level == levels - 1,
            )
            for level in range(levels)
        )
        self.towers = towers(width, tower, outputs, dropout)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """(B, D) features -> task -> (B,) or (B, C) logits."""
        inputs = [x] * (len(self.tasks) + 1)  # one a task, and the shared one last
        for level in self.levels:
            inputs = level(inputs)
        return {
            task: read_out(tower, mixed)
            for task, tower, mixed in zip(self.tasks, self.towers, inputs, strict=True)
        }

    def private(self, task: str) -> list[nn.Parameter]:
        """Those of its tower, and of its gate and experts at the last level."""
        place = self.place(task)
        last = cast(_Level, self.levels[-1])
        parts = (last.experts[place], last.gates[place], self.towers[place])
        return [parameter for part in parts for parameter in part.parameters()]


class _Level(nn.Module):
    """One extraction layer; `last` has no shared gate, for nothing above would read it."""

    def __init__(
        self,
        widths: Sequence[int],
        n_tasks: int,
        n_shared: int,
        n_private: int,
        dropout: float,
        *,
        last: bool,
    ) -> None:
        super().__init__()
        counts = [n_private] * n_tasks + [n_shared]
        self.experts = nn.ModuleList(Experts(count, widths, dropout) for count in counts)
        seen = [n_private + n_shared] * n_tasks + ([] if last else [sum(counts)])
        self.gates = nn.ModuleList(nn.Linear(widths[0], count, bias=False) for count in seen)

    def forward(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """(B, D) a task and one shared -> (B, H) a task, and one shared unless this is the last."""
        experts = [each(x) for each, x in zip(self.experts, inputs, strict=True)]  # (B, E_i, H)
        mixed = []
        for i, (gate, x) in enumerate(zip(self.gates, inputs, strict=False)):
            is_shared = i == len(inputs) - 1
            visible = experts if is_shared else [experts[i], experts[-1]]
            weights = gate(x).softmax(dim=-1)  # (B, E)
            mixed.append(torch.einsum("be,beh->bh", weights, torch.cat(visible, dim=1)))
        return mixed
