"""Hard sharing: one bottom for all tasks, one tower for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from scoring.sharing.contract import Sharing, read_out, towers
from scoring.sharing.mlp import mlp


class HardSharing(Sharing):
    """Caruana, Machine Learning 28, 1997: the bottom learns from every loss.

    Args:
        dim: D, of the features.
        outputs: Task -> number of logits.
        hidden: Widths of the bottom's layers.
        tower: Widths of each tower's hidden layers.
        dropout: After each hidden layer.
    """

    def __init__(
        self,
        dim: int,
        outputs: Mapping[str, int],
        *,
        hidden: Sequence[int] = (128,),
        tower: Sequence[int] = (32,),
        dropout: float = 0.0,
    ) -> None:
        super().__init__(outputs)
        self.bottom = mlp((dim, *hidden), dropout)
        self.towers = towers((dim, *hidden)[-1], tower, outputs, dropout)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """(B, D) features -> task -> (B,) or (B, C) logits."""
        bottom = self.bottom(x)  # (B, H)
        return {
            task: read_out(tower, bottom)
            for task, tower in zip(self.tasks, self.towers, strict=True)
        }

    def private(self, task: str) -> list[nn.Parameter]:
        """Those of its tower."""
        return list(self.towers[self.place(task)].parameters())
