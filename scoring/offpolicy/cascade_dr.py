"""Cascade DR: RIPS whose rewards are corrected by a model, rank by rank."""

from __future__ import annotations

import numpy as np

from scoring.offpolicy.rips import prefix_weights
from scoring.offpolicy.terms import Floats, Terms


def cascade_dr(ratios: Floats, rewards: Floats, predicted: Floats, expected: Floats) -> Terms:
    """V = 1/n Σ_i Σ_k w_ik (r_ik − Q_k(a_ik)) + w_i,k−1 E_{a~π(·|a_<k, x_i)} Q_k(a).

    Kiyohara et al., WSDM 2022; the form of Jiang & Li, ICML 2016, for lists. w_ik is the product
    of the ratios of ranks 1 to k, w_i0 = 1. It is unbiased for any Q that does not depend on what
    is drawn at rank k or below other than a: of this rank alone, or of all ranks from here on (as
    here, where variance is to be least).

    Assumes: cascade, as RIPS; and right propensities with support, or a right model.
    Bias: none then. Variance: that of RIPS for what the model leaves over.

    Args:
        ratios: (n, K) as for RIPS.
        rewards: (n, K), 0 past a list's end.
        predicted: (n, K) Q of the logged item; 0 past a list's end.
        expected: (n, K) Q expected under the target given the logged items above; 0 past its end.
    """
    weights = prefix_weights(ratios)
    before = np.concatenate([np.ones((len(weights), 1)), weights[:, :-1]], axis=1)
    return Terms.mean((weights * (rewards - predicted) + before * expected).sum(axis=1))
