"""What a step minimises."""

from __future__ import annotations

import torch
from torch import Tensor

from scoring.losses.position_based import position_based_losses


def row_losses(logits: Tensor, targets: Tensor, looked: Tensor, values: list[int]) -> Tensor:
    """(n, T) losses: of chances given that a rank may go unseen, squared errors of values.

    Args:
        logits: (n, T) of what is wanted.
        targets: (n, T) 0 or 1.
        looked: (n,) in (0, 1].
        values: Tasks that are no chances.
    """
    losses = position_based_losses(logits, targets, looked.unsqueeze(1))
    if values:
        squared = (logits - targets).square()
        mask = torch.zeros(logits.shape[1], dtype=torch.bool)
        mask[values] = True
        losses = torch.where(mask, squared, losses)
    return losses
