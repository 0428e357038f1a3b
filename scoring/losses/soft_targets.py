"""Cross-entropy with a target between 0 and 1, which may be missing."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


def soft_target_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean of ``-t log s(z) - (1 - t) log(1 - s(z))`` over the targets that are there.

    It is least where s(z) is the mean of the targets (a proper score of the mean for any target in
    [0, 1]; Gneiting, JASA 2011), its gradient s(z) - t is bounded, and its size is that of
    the cross-entropy of a click: it needs no weight of its own beside one.

    Args:
        logits: (B,) z.
        targets: (B,) in [0, 1]; NaN = not observed.

    Returns:
        A scalar; 0 with a gradient of 0 where nothing was observed.
    """
    seen = ~targets.isnan()
    losses = binary_cross_entropy_with_logits(
        logits, torch.where(seen, targets, 0.0), reduction="none"
    )  # (B,)
    return torch.where(seen, losses, 0.0).sum() / seen.sum().clamp_min(1)
