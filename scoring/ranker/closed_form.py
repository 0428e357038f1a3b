"""Item-to-item weights in closed form, learned from what was bought."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_array

from scoring.ranker.sales import DAY_MS, Sales

RECENT_DAYS: Final = 100
BASKET_DAYS: Final = 150
PAST_HALF_LIFE_DAYS: Final = 30.0
_RIDGES: Final = {"customers": 200.0, "recent": 100.0, "baskets": 100.0, "following": 20.0}

TABLES: Final = ("customers", "recent", "baskets", "following")
"""EASE over customers' whole past, over their last 100 days, over the baskets of the last 150 days,
and a ridge regression from a past to what is new in the next basket."""


def learn_weights(sales: Sales, until_ms: int) -> dict[str, NDArray[np.float32]]:
    """(T, T) a table, row = what was bought, column = what it speaks for; from before a moment."""
    known = sales.between(0, until_ms)
    recent = sales.between(until_ms - RECENT_DAYS * DAY_MS, until_ms)
    baskets = sales.between(until_ms - BASKET_DAYS * DAY_MS, until_ms)
    return {
        "customers": ease(_held(known.users, known), _RIDGES["customers"]),
        "recent": ease(_held(recent.users, recent), _RIDGES["recent"]),
        "baskets": ease(_held(baskets.baskets, baskets), _RIDGES["baskets"]),
        "following": _following(known, _RIDGES["following"]),
    }


def ease(held: csr_array, ridge: float) -> NDArray[np.float32]:
    """``B = I - P diag(1 / P_ii)``, ``P = (XᵀX + λI)⁻¹`` (Steck, WWW 2019, equation 8).

    Args:
        held: (n, T) 1 where a user, or a basket, held an item.
        ridge: λ.
    """
    gram = (held.T @ held).toarray()  # (T, T)
    diagonal = np.diag_indices_from(gram)
    gram[diagonal] += ridge
    inverse = cho_solve(cho_factor(gram, overwrite_a=True), np.eye(len(gram)), overwrite_b=True)
    weights = -inverse / inverse[diagonal]
    weights[diagonal] = 0.0
    found: NDArray[np.float32] = weights.astype(np.float32)
    return found


def _held(owners: NDArray[np.int64], sales: Sales) -> csr_array:
    """(n, T) who bought what, 1 each."""
    rows = np.unique(owners, return_inverse=True)[1]
    return _ones(rows, sales.items, (int(rows.max(initial=-1)) + 1, len(sales.item_ids)))


def _ones(rows: NDArray[np.int64], items: NDArray[np.int64], shape: tuple[int, int]) -> csr_array:
    matrix = csr_array((np.ones(len(rows)), (rows, items)), shape=shape)
    matrix.data[:] = 1.0
    return matrix


def _following(sales: Sales, ridge: float) -> NDArray[np.float32]:
    """Which past speaks for which new item, above what everybody buys.

    The past of a basket has length 1, each item weighed by ``2^(-age / 30 days)``.
    """
    latest: dict[int, dict[int, int]] = {}
    past: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []
    new: list[list[int]] = []
    edges = np.flatnonzero(np.diff(sales.baskets, prepend=-1, append=-1)).tolist()
    for start, end in pairwise(edges):
        at_ms = int(sales.at_ms[start])
        known = latest.setdefault(int(sales.users[start]), {})
        bought = sales.items[start:end].tolist()
        found = [item for item in dict.fromkeys(bought) if item not in known]
        if known and found:
            ages = at_ms - np.array(list(known.values()))
            weights = np.exp2(-ages / DAY_MS / PAST_HALF_LIFE_DAYS)
            past.append((np.array(list(known)), weights / max(np.linalg.norm(weights), 1e-12)))
            new.append(found)
        known.update(dict.fromkeys(bought, at_ms))
    shape = (len(past), len(sales.item_ids))
    if not past:
        return np.zeros((shape[1], shape[1]), np.float32)
    rows = np.repeat(np.arange(len(past)), [len(items) for items, _ in past])
    items, values = (np.concatenate(column) for column in zip(*past, strict=True))
    history = csr_array((values, (rows, items)), shape=shape)
    rows = np.repeat(np.arange(len(new)), [len(items) for items in new])
    bought_new = _ones(rows, np.concatenate([np.array(items) for items in new]), shape)
    gram = (history.T @ history).toarray()
    gram[np.diag_indices_from(gram)] += ridge
    together = (history.T @ bought_new).toarray()
    together -= np.outer(history.sum(axis=0), bought_new.sum(axis=0) / len(past))
    found_weights: NDArray[np.float32] = cho_solve(cho_factor(gram), together).astype(np.float32)
    return found_weights
