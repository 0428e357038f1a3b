"""Off-policy weights of shown items: capped importance, and the correction for lists of K."""

from __future__ import annotations

import torch
from torch import Tensor


def importance(log_target: Tensor, log_logged: Tensor, cap: float) -> Tensor:
    """min(π / β, cap), as numbers without gradients.

    Unbiased while no weight is capped and β > 0 wherever π > 0; a cap trades variance, which grows
    with E[(π / β)²], for a bias towards the logging policy (Ionides 2008; Chen et al., WSDM 2019,
    section 4.4).

    Args:
        log_target: log π of what was done, any shape.
        log_logged: log β of the same.
        cap: Largest weight, above 0.
    """
    return (log_target - log_logged).detach().exp().clamp(max=cap)


def top_k_correction(probabilities: Tensor, n_ranks: int) -> Tensor:
    """λ_K(π) = K (1 - π)^(K - 1), as numbers without gradients.

    A list of K shows an item with probability α = 1 - (1 - π)^K, π being its chance in one draw of
    the softmax; λ_K = ∂α / ∂π turns the gradient of single draws into that of being shown
    (Chen et al., WSDM 2019, equation 5). Where π is small an item counts K times; an item that is
    shown anyway gets no push, so that the policy keeps several good items instead of one.

    Args:
        probabilities: (B, n) π of each shown item in one draw over all candidates.
        n_ranks: K.
    """
    return n_ranks * (1.0 - probabilities.detach()).clamp(min=0.0).pow(n_ranks - 1)


def shown_items_loss(
    log_single: Tensor,
    log_logged: Tensor,
    worths: Tensor,
    *,
    cap: float,
    n_ranks: int | None = None,
) -> Tensor:
    """Minus `Σ min(π/β, cap) λ_K(π) A log π(a|s)`, whose gradient is the corrected REINFORCE.

    (Chen et al., WSDM 2019, equation 6).

    Args:
        log_single: (B, n) log π of each shown item in one draw over all candidates.
        log_logged: (B, n) log β of the same; -inf excluded before.
        worths: (B, n) advantage of each shown item.
        cap: Of the importance weights.
        n_ranks: K; None = without the correction.
    """
    weights = importance(log_single, log_logged, cap)
    if n_ranks is not None:
        weights = weights * top_k_correction(log_single.exp(), n_ranks)
    return -(weights * worths * log_single).sum(dim=1).mean()


def single_draws(worth: Tensor, there: Tensor, places: Tensor) -> Tensor:
    """(B, n) log probability of each shown item in one draw over the (B, C) that are there."""
    logs = worth.masked_fill(~there, -torch.inf).log_softmax(dim=1)
    return logs.gather(1, places)
