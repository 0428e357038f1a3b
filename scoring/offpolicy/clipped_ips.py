"""Clipped IPS: no weight above a limit."""

from __future__ import annotations

import numpy as np

from scoring.offpolicy.terms import Floats, Terms


def clipped_ips(weights: Floats, rewards: Floats, most: float) -> Terms:
    """V = 1/n Σ min(w_i, M) r_i.

    Ionides 2008; Bottou et al., JMLR 2013, section 4.4.

    Assumes: as IPS.
    Bias: −E_μ[(w − M)⁺ r], downwards for rewards of 0 or more: what the target does more than M
    times as often as the log is paid as if M times. Variance: at most M² E_μ[r²] / n, so an
    interval by Bernstein's inequality exists.

    Args:
        weights: (n,), at least 0.
        rewards: (n,).
        most: M, above 0.
    """
    return Terms.mean(np.minimum(weights, most) * rewards)
