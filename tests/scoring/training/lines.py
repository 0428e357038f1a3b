"""Something small that the loop can train: two tasks on straight lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn


class Lines:
    """Predicts ``2x`` and ``−x`` from noisy x, through one shared layer; with dropout.

    Attributes:
        seen: Batches that were learned from, in their order.
        fail_at: The loss of this batch (counted over all epochs) raises, as a kill would end it.
    """

    n_batches = 6

    def __init__(self, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.module = nn.ModuleDict(
            {
                "body": nn.Linear(3, 8),
                "double_head": nn.Linear(8, 1),
                "minus_head": nn.Linear(8, 1),
                "drop": nn.Dropout(0.2),
            }
        )
        self.seen: list[Tensor] = []
        self.begun: list[int] = []
        self.fail_at = -1

    def shared(self) -> Sequence[nn.Parameter]:
        return list(self.module["body"].parameters())

    def begin_epoch(self, epoch: int) -> None:
        self.begun.append(epoch)

    def batches(self, epoch: int) -> Iterator[Tensor]:
        draw = torch.Generator().manual_seed(100 + epoch)
        for _ in range(self.n_batches):
            yield torch.randn(16, 3, generator=draw)

    def losses(self, batch: Tensor) -> dict[str, Tensor]:
        if len(self.seen) == self.fail_at:
            raise KeyboardInterrupt
        self.seen.append(batch)
        return self._losses(batch)

    def validate(self) -> dict[str, float]:
        x = torch.linspace(-1, 1, 30).reshape(10, 3)
        losses = self._losses(x)
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def _losses(self, x: Tensor) -> dict[str, Tensor]:
        features = self.module["drop"](torch.tanh(self.module["body"](x)))  # (B, 8)
        total = x.sum(dim=1, keepdim=True)
        return {
            "double": (self.module["double_head"](features) - 2 * total).square().mean(),
            "minus": (self.module["minus_head"](features) + total).square().mean(),
        }
