"""What is taken off a return before it is learned from: variance goes, the mean stays."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def leave_one_out(returns: Tensor) -> Tensor:
    """(S, ...) returns of S tries of the same, each less the mean of the others.

    Unbiased, for the others do not depend on this try's draw (Kool, van Hoof & Welling 2019, "Buy 4
    REINFORCE samples, get a baseline for free!").

    Raises:
        ValueError: One try has no others.
    """
    n = len(returns)
    if n < 2:
        raise ValueError("a leave-one-out baseline needs at least 2 tries of the same")
    return (returns - returns.mean(dim=0)) * n / (n - 1)


class ValueBaseline(nn.Module):
    """Learned V(s): what a user's visits earn from here on, whatever is shown now.

    Reads the mean and the largest of the candidates' features: what a policy may know of its user
    is in them, and their order means nothing. An advantage `return - V(s)` is unbiased whatever V
    says (Williams 1992), as V does not see the draw.
    """

    def __init__(self, n_features: int, width: int = 32) -> None:
        """Of F features."""
        super().__init__()
        last = nn.Linear(width, 1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.layers = nn.Sequential(nn.Linear(2 * n_features, width), nn.Tanh(), last)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, F) scaled features -> (B,) in units of the returns' deviation."""
        seen = torch.cat([features.mean(dim=1), features.amax(dim=1)], dim=1)
        value: Tensor = self.layers(seen).squeeze(1)
        return value
