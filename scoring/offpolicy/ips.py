"""IPS: rewards weighted by how much likelier the target makes what was logged."""

from __future__ import annotations

from scoring.offpolicy.terms import Floats, Terms


def ips(weights: Floats, rewards: Floats) -> Terms:
    """V = 1/n Σ w_i r_i, w = π(a|x) / μ(a|x).

    Horvitz & Thompson 1952; for policies Strehl, Langford, Li & Kakade, NeurIPS 2010. With the
    weights of whole lists (the product over ranks) it is the standard slate IPS.

    Assumes: logged propensities are right; whatever π may choose, μ may (support); a reward depends
    on nothing but context and action.
    Bias: none. Variance: (E_μ[w² r²] − V²) / n, unbounded as μ(a|x) nears 0; for lists of K items
    it grows as the K-th power.

    Args:
        weights: (n,), at least 0.
        rewards: (n,) of each action, or of each list.
    """
    return Terms.mean(weights * rewards)
