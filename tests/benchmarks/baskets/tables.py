"""Item-to-item weights that are learned once from a past, as a rebuild of the index would."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tests.benchmarks.baskets.log import DAY_MS, Log


@dataclass(frozen=True, slots=True)
class Tables:
    """(N, N) each: row = what was bought, column = what it speaks for.

    Attributes:
        customers: EASE over customers (Steck, WWW 2019), their whole past.
        recent_customers: The same over the last 100 days.
        baskets: EASE over the baskets of the last 150 days.
        following: Ridge regression from a decayed past to what is new in the next basket.
    """

    customers: NDArray[np.float32]
    recent_customers: NDArray[np.float32]
    baskets: NDArray[np.float32]
    following: NDArray[np.float32]

    @classmethod
    def learn(cls, log: Log, until_ms: int) -> Tables:
        """From what was bought before a moment."""
        return cls(
            customers=ease(_owners(log, 0, until_ms), 200.0),
            recent_customers=ease(_owners(log, until_ms - 100 * DAY_MS, until_ms), 100.0),
            baskets=ease(_baskets(log, until_ms - 150 * DAY_MS, until_ms), 100.0),
            following=_following(log, until_ms, half_life_days=30.0, ridge=20.0),
        )


def ease(bought: csr_array, ridge: float) -> NDArray[np.float32]:
    """``B = I - P diag(1 / P_ii)``, ``P = (XᵀX + λI)⁻¹`` (Steck, WWW 2019, equation 8)."""
    gram = (bought.T @ bought).toarray().astype(np.float64)  # (N, N)
    diagonal = np.diag_indices_from(gram)
    gram[diagonal] += ridge
    inverse = np.linalg.inv(gram)
    weights = -inverse / inverse[diagonal]
    weights[diagonal] = 0.0
    return weights.astype(np.float32)


def _owners(log: Log, from_ms: int, until_ms: int) -> csr_array:
    """(U, N) who bought what."""
    pairs = [(b.user, item) for b in log.purchases(from_ms, until_ms) for item in b.items]
    return _ones(np.array(pairs), (log.n_users, log.n_items))


def _baskets(log: Log, from_ms: int, until_ms: int) -> csr_array:
    """(baskets, N) what was bought together."""
    bought = list(log.purchases(from_ms, until_ms))
    pairs = [(row, item) for row, b in enumerate(bought) for item in b.items]
    return _ones(np.array(pairs), (len(bought), log.n_items))


def _ones(pairs: NDArray[np.int64], shape: tuple[int, int]) -> csr_array:
    matrix = csr_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=shape)
    matrix.data[:] = 1.0
    return matrix


def _following(log: Log, until_ms: int, half_life_days: float, ridge: float) -> NDArray[np.float32]:
    """Which past speaks for which new item, above what everybody buys."""
    latest: dict[int, dict[int, int]] = {}
    past, new = list[tuple[int, int, float]](), list[tuple[int, int]]()
    n_rows = 0
    for basket in log.purchases(0, until_ms):
        known = latest.setdefault(basket.user, {})
        found = [item for item in basket.items.tolist() if item not in known]
        if known and found:
            ages = basket.at_ms - np.array(list(known.values()))
            weights = np.exp2(-ages / DAY_MS / half_life_days)
            weights /= np.linalg.norm(weights)
            past += [(n_rows, item, w) for item, w in zip(known, weights, strict=True)]
            new += [(n_rows, item) for item in found]
            n_rows += 1
        known.update(dict.fromkeys(basket.items.tolist(), basket.at_ms))
    rows, items, values = (np.array(column) for column in zip(*past, strict=True))
    shape = (n_rows, log.n_items)
    history = csr_array((values, (rows, items)), shape=shape)
    bought = _ones(np.array(new), shape)
    gram = (history.T @ history).toarray()
    gram[np.diag_indices_from(gram)] += ridge
    together = (history.T @ bought).toarray()
    together -= np.outer(history.sum(axis=0), bought.sum(axis=0) / n_rows)
    found_weights: NDArray[np.float32] = np.linalg.solve(gram, together).astype(np.float32)
    return found_weights
