"""SNIPS: IPS divided by the weights that were there, not by those that were expected."""

from __future__ import annotations

from scoring.offpolicy.terms import Floats, Terms


def snips(weights: Floats, rewards: Floats) -> Terms:
    """V = Σ w_i r_i / Σ w_i.

    Hájek 1971; Swaminathan & Joachims, NeurIPS 2015.

    Assumes: as IPS.
    Bias: of order 1/n, towards what was logged; none as n grows. The estimate stays between the
    least and the largest reward. Variance: E_μ[w² (r − V)²] / n: adding a constant to all rewards
    changes nothing, unlike with IPS.

    Args:
        weights: (n,), at least 0, not all 0 (else the estimate is NaN).
        rewards: (n,).
    """
    return Terms((weights * rewards)[:, None], weights[:, None])
