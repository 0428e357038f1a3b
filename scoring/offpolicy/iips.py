"""IIPS: each rank by itself, weighted by how likely an item is there whatever stands above."""

from __future__ import annotations

from scoring.offpolicy.terms import Floats, Terms


def iips(ratios: Floats, rewards: Floats) -> Terms:
    """V = 1/n Σ_i Σ_k ρ_ik r_ik, ρ_ik = P_π(a_ik at rank k | x_i) / P_μ(a_ik at rank k | x_i).

    Li, Abbasi-Yadkori, Kveton, Muthukrishnan, Vinay & Wen, KDD 2018 (item-position model). The
    probabilities are marginal, over all that may stand above; published propensities are not, so
    they are worked out from records of decisions, see `followed`.

    Assumes: independence: what an item earns depends on the item and its rank alone; support at
    each rank.
    Bias: none under that; else that of all interactions between items. Where marginals are means
    over drawn lists, the logged list is one more draw of its policy, and which of the S + 1 was
    logged is chance (the balance heuristic, Veach & Guibas 1995): all that is lost is what an item
    earns at a rank that none of them could have had it at. Variance: that of single items, not of
    products; with few draws a little more.

    Args:
        ratios: (n, K) of marginal probabilities, at least 0; anything past a list's end.
        rewards: (n, K) of each rank; 0 past a list's end.
    """
    return Terms.mean((ratios * rewards).sum(axis=1))
