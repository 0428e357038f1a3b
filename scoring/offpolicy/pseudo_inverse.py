"""PI: lists whose reward is a sum over ranks, which need not be seen rank by rank."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scoring.offpolicy.terms import Floats, Terms


def pseudo_inverse(weights: Floats, rewards: Floats) -> Terms:
    """V = 1/n Σ_i w_i r_i, w_i = q_π(x_i)ᵀ Γ_μ(x_i)⁺ 1(s_i).

    Swaminathan et al., NeurIPS 2017 (off-policy evaluation for slate recommendation). 1(s) has a
    one for each pair of rank and item of the list, q_π is its mean under the target, Γ_μ = E_μ[1(s)
    1(s)ᵀ]. The weights may be negative.

    Assumes: additivity: the expected reward of a *list* is a sum of unknown terms, one a pair of
    rank and item; support of each pair. The reward need not be known by rank: good for a sale or a
    session.
    Bias: none under that. Variance: of order K·C/n instead of C^K/n (uniform logging, C
    candidates).

    Args:
        weights: (n,) from `uniform_weights` or `enumerated_weights`.
        rewards: (n,) of whole lists.
    """
    return Terms.mean(weights * rewards)


def uniform_weights(target: Floats, shown: NDArray[np.int64]) -> Floats:
    """W where the log drew its lists uniformly: K of C candidates, none twice.

    Γ is then 1/C on the diagonal, 1/(C (C − 1)) for different items at different ranks, 0 else:
    a sum of Kronecker products of (ones, rest) with eigenvalues K/C, (C − K)/(C (C − 1)), 0 and
    1/(C − 1), so that its pseudo-inverse needs no matrix.

    Args:
        target: (n, K, C) probability of each item at each rank under the target.
        shown: (n, K) places of the logged items; K at most C.
    """
    n, n_ranks, n_items = target.shape
    if n_items == 1:
        return np.ones(n)
    logged = np.zeros(target.shape)
    np.put_along_axis(logged, shown[:, :, None], 1.0, axis=2)
    both = logged.mean(axis=(1, 2), keepdims=True)
    by_item = logged.mean(axis=1, keepdims=True) - both  # (n, 1, C)
    rest = logged - logged.mean(axis=2, keepdims=True) - by_item
    solved = both * (n_items / n_ranks) + rest * (n_items - 1)
    if n_ranks < n_items:
        solved = solved + by_item * (n_items * (n_items - 1) / (n_items - n_ranks))
    found: Floats = (target * solved).sum(axis=(1, 2))
    return found


def enumerated_weights(
    target: Floats, logged: Floats, lists: NDArray[np.int64], shown: NDArray[np.int64]
) -> Floats:
    """Weights of n logged lists, from all lists that there are.

    Args:
        target: (n, L) probability of each list under the target.
        logged: (n, L) the same under the logging policy.
        lists: (L, K) places of their items.
        shown: (n,) number of the logged list among them.

    Returns:
        (n,); NaN where the target puts an item at a rank where the log never has it.
    """
    n_items = int(lists.max()) + 1
    n_lists, n_ranks = lists.shape
    indicators = np.zeros((n_lists, n_ranks * n_items))
    columns = lists + np.arange(n_ranks) * n_items
    np.put_along_axis(indicators, columns, 1.0, axis=1)
    wanted = target @ indicators  # (n, K C)
    seen = logged @ indicators
    pairs = (indicators[:, :, None] * indicators[:, None, :]).reshape(n_lists, -1)
    gram = (logged @ pairs).reshape(len(logged), n_ranks * n_items, n_ranks * n_items)
    solved = np.linalg.pinv(gram, hermitian=True) @ indicators[shown][:, :, None]
    found: Floats = (wanted * solved[:, :, 0]).sum(axis=1)
    found[((wanted > 0) & (seen <= 0)).any(axis=1)] = np.nan
    return found
