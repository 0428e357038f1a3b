"""RIPS: each rank's reward, weighted by the ranks down to it; for lists read from the top."""

from __future__ import annotations

import numpy as np

from scoring.offpolicy.terms import Floats, Terms


def prefix_weights(ratios: Floats) -> Floats:
    """(n, K) products of the ratios of ranks 1 to k; ratios past a list's end are 1."""
    return np.cumprod(ratios, axis=1, dtype=np.float64)


def rips(ratios: Floats, rewards: Floats) -> Terms:
    """V = 1/n Σ_i Σ_k (Π_{j≤k} ρ_ij) r_ik, ρ_ij = π(a_j | a_<j, x) / μ(a_j | a_<j, x).

    McInerney et al., KDD 2020 (reward interaction IPS). It takes the sequential propensities as
    they are published: those of an item at its rank, given the items above it.

    Assumes: cascade: what an item earns depends on the items above it, not on those below; support.
    Bias: none under that; else that of the interaction with what is below. Variance: grows with the
    rank, that of rank k as a product of k ratios; the first ranks, which earn most, are cheap.

    Args:
        ratios: (n, K), at least 0; 1 past a list's end.
        rewards: (n, K) of each rank; 0 past a list's end.
    """
    return Terms.mean((prefix_weights(ratios) * rewards).sum(axis=1))


def self_normalised_rips(ratios: Floats, rewards: Floats) -> Terms:
    """V = Σ_k (Σ_i w_ik r_ik / Σ_i w_ik), w_ik = Π_{j≤k} ρ_ij.

    McInerney et al., KDD 2020, section 3.3. Assumptions as `rips`; bias of order 1/n and much less
    variance, as SNIPS beside IPS.

    Args:
        ratios: (n, K), at least 0; 1 past a list's end.
        rewards: (n, K).
    """
    weights = prefix_weights(ratios)
    return Terms(weights * rewards, weights)
