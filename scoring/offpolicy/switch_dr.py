"""Switch-DR: DR where weights are moderate, the model alone where they are not."""

from __future__ import annotations

import numpy as np

from scoring.offpolicy.terms import Floats, Terms


def switch_dr(
    weights: Floats, rewards: Floats, predicted: Floats, expected: Floats, most: float
) -> Terms:
    """V = 1/n Σ_i E_{a~π} q(x_i, a) + w_i [w_i ≤ M] (r_i − q(x_i, a_i)).

    Wang, Agarwal & Dudík, ICML 2017, section 4.

    Assumes: as DR where w ≤ M, as DM elsewhere.
    Bias: −E_μ[w (E r − q) [w > M]]: the model's error where the target strays from the log.
    Variance: at most about M² E_μ[(r − q)²] / n plus that of DM.

    Args:
        weights: (n,), at least 0.
        rewards: (n,).
        predicted: (n,) q of what was logged.
        expected: (n,) q expected under the target.
        most: M, above 0; 0 is DM, infinity is DR.
    """
    trusted = np.where(weights <= most, weights, 0.0)
    return Terms.mean(expected + trusted * (rewards - predicted))
