"""Learning rate by step: a rise, then a fall. Without state, so that nothing is to be resumed."""

from __future__ import annotations

import math

from scoring.training.settings import LoopSettings


def rate_factor(step: int, n_steps: int, settings: LoopSettings) -> float:
    """Share of the highest rate at a step.

    Args:
        step: 0 to n_steps - 1.
        n_steps: Of the whole training.
        settings: Its warm-up and decay.

    Returns:
        In (0, 1]: even the first and the last step move the weights.
    """
    n_warmup = round(settings.warmup * n_steps)
    if step < n_warmup:
        return (step + 1) / (n_warmup + 1)
    left = (n_steps - step) / max(n_steps - n_warmup, 1)  # 1 after the rise, 1/n at the end
    match settings.decay:
        case "linear":
            return left
        case "cosine":
            return (1 - math.cos(math.pi * left)) / 2
        case "constant":
            return 1.0
