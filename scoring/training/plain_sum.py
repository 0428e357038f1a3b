"""The simplest balancer: the gradient of the plain sum of all losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn


class PlainSum(nn.Module):
    """Every loss counts as it is."""

    def backward(self, losses: Mapping[str, Tensor], shared: Sequence[nn.Parameter]) -> None:
        """Add the gradients of ``Σ L_t``."""
        torch.autograd.backward(torch.stack(list(losses.values())).sum())

    def end_epoch(self, mean_losses: Mapping[str, float]) -> None:
        """Nothing is learned from an epoch."""
