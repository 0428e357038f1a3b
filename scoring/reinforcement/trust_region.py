"""A bound on how far one step may go, held by backtracking."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn


def hold_within(
    parameters: Sequence[nn.Parameter],
    before: Sequence[Tensor],
    divergence: Callable[[], float],
    bound: float,
    tries: int = 10,
) -> float:
    """Halve a step until the policy is no further than `bound` from where it began.

    The line search of TRPO (Schulman et al., ICML 2015, appendix C), along the optimiser's own
    direction. A step that never fits is taken back wholly.

    Args:
        parameters: After the step; changed in place.
        before: The same before it.
        divergence: Mean KL(before ‖ now) of a list, nats, of the parameters as they are.
        bound: Largest one allowed, above 0.
        tries: Halvings.

    Returns:
        The share of the step that was kept: 1, 1/2, ... or 0.
    """
    steps = [now.detach() - old for now, old in zip(parameters, before, strict=True)]
    share = 1.0
    for _ in range(tries):
        with torch.no_grad():
            far = divergence()
        if far <= bound:
            return share
        share /= 2
        _put(parameters, before, steps, share)
    _put(parameters, before, steps, 0.0)
    return 0.0


def _put(
    parameters: Sequence[nn.Parameter],
    before: Sequence[Tensor],
    steps: Sequence[Tensor],
    share: float,
) -> None:
    with torch.no_grad():
        for parameter, old, step in zip(parameters, before, steps, strict=True):
            parameter.copy_(old + share * step)
