"""Forms of sharing at the same number of parameters."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from scoring.errors import SharingError


def count_parameters(module: nn.Module) -> int:
    """Values that are trained."""
    return sum(each.numel() for each in module.parameters() if each.requires_grad)


def fit_width(make: Callable[[int], nn.Module], budget: int) -> int:
    """The largest width whose module has no more parameters than the budget.

    Args:
        make: Width, 1 or more -> module; more parameters for a larger width.
        budget: Parameters.

    Raises:
        SharingError: Not even width 1 fits.
    """
    if count_parameters(make(1)) > budget:
        raise SharingError(f"{budget} parameters are too few: width 1 has more")
    fits, over = 1, 2
    while count_parameters(make(over)) <= budget:
        fits, over = over, 2 * over
    while over - fits > 1:
        middle = (fits + over) // 2
        if count_parameters(make(middle)) <= budget:
            fits = middle
        else:
            over = middle
    return fits
