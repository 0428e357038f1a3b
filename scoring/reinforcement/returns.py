"""From the rewards of visits to what each visit led to: discounted returns, advantages."""

from __future__ import annotations

import torch
from torch import Tensor


def returns_to_go(rewards: Tensor, discount: float, after: Tensor | None = None) -> Tensor:
    """(T, B) `G_t = r_t + γ G_(t+1)`: what was done at t cannot have changed what came before.

    Args:
        rewards: (T, B) of each visit; 0 after a user has left.
        discount: γ, 0 (this visit only) to 1.
        after: (B,) what is expected after the last visit; None = nothing.
    """
    found = torch.empty_like(rewards)
    coming = torch.zeros_like(rewards[0]) if after is None else after
    for t in range(len(rewards) - 1, -1, -1):
        coming = rewards[t] + discount * coming
        found[t] = coming
    return found


def generalised_advantages(
    rewards: Tensor, values: Tensor, after: Tensor, discount: float, trace: float
) -> Tensor:
    """(T, B) `A_t = Σ_k (γ λ)^k δ_(t+k)`, `δ_t = r_t + γ p_t V(after t) - V_t`.

    (Schulman et al., ICLR 2016, equation 16). λ = 1 is the return less V, unbiased; a smaller λ
    trusts V more and the luck of later visits less. p_t is the chance to come back: with the true
    one, the luck of coming back is not in δ_t, and its mean is the same.

    Args:
        rewards: (T, B).
        values: (T, B) V of each visit; 0 once a user has left.
        after: (T, B) p · V of how each visit left its user; 0 after the last one.
        discount: γ.
        trace: λ, 0 to 1.
    """
    surprises = rewards + discount * after - values
    return returns_to_go(surprises, discount * trace)


def scaled(advantages: Tensor) -> Tensor:
    """Advantages in units of their own deviation, so that one step size fits every reward.

    The mean is not taken off: that is the baseline's work. Of any shape.
    """
    return advantages / advantages.std(correction=0).clamp(min=1e-6)
