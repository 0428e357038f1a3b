"""Customers who bought alike: a sample of them in the ranker's folder, asked like a table."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from scoring.ranker.sales import DAY_MS, Sales
from scoring.ranker.speaking import Entries

HALF_LIFE_DAYS: Final = 45.0
NEAREST: Final = 80
"""Customers who are listened to."""


@dataclass(frozen=True, slots=True, eq=False)
class Customers:
    """What C customers had bought at one moment, decayed to it.

    Attributes:
        digests: (C,) `user_digest` of each, so that nobody is their own neighbour.
        starts: (C + 1,) int64, customer c has the places starts[c] to starts[c + 1].
        items: (nnz,) int32 rows of the ranker's items, ascending within a customer.
        weights: (nnz,) float32 decayed purchases, above 0.
    """

    digests: NDArray[np.int64]
    starts: NDArray[np.int64]
    items: NDArray[np.int32]
    weights: NDArray[np.float32]

    @classmethod
    def sample(cls, sales: Sales, until_ms: int, most: int, seed: int) -> Customers:
        """Those who bought before a moment; of many, some drawn by chance."""
        before = sales.between(0, until_ms)
        users = np.unique(before.users)
        if len(users) > most:
            users = np.sort(np.random.default_rng(seed).choice(users, most, replace=False))
        rows = np.minimum(np.searchsorted(users, before.users), max(len(users) - 1, 0))
        kept = users[rows] == before.users if len(users) else np.zeros(0, np.bool_)
        days = (until_ms - before.at_ms[kept]) / DAY_MS
        shape = (len(users), len(sales.item_ids))
        weights = np.exp2(-days / HALF_LIFE_DAYS).astype(np.float32)
        found = csr_array((weights, (rows[kept], before.items[kept])), shape=shape)
        found.sum_duplicates()
        found.sort_indices()
        digests = np.array([user_digest(sales.user_ids[each]) for each in users.tolist()], np.int64)
        starts, items = found.indptr.astype(np.int64), found.indices.astype(np.int32)
        return cls(digests, starts, items, found.data)


class Alike:
    """Asks a sample which customers resemble the users of a batch, and what those bought."""

    def __init__(self, customers: Customers, n_items: int) -> None:
        """Work out what does not change.

        Args:
            customers: The sample.
            n_items: T rows of the ranker's items.
        """
        shape = (len(customers.digests), n_items)
        bought = csr_array((customers.weights, customers.items, customers.starts), shape=shape)
        norms = np.sqrt(np.maximum((bought * bought).sum(axis=1), 1e-18))  # (C,)
        of_length_1 = csr_array(
            (
                customers.weights / np.repeat(norms, np.diff(customers.starts)).astype(np.float32),
                customers.items,
                customers.starts,
            ),
            shape=shape,
        )
        self._by_item = csr_array(of_length_1.T)  # (T, C)
        capped = np.minimum(customers.weights, np.float32(1.0))
        self._bought = csr_array((capped, customers.items, customers.starts), shape=shape)
        self._order = np.argsort(customers.digests)
        self._digests = customers.digests[self._order]

    def of(
        self, entries: Entries, weights: NDArray[np.floating], digests: NDArray[np.int64]
    ) -> csr_array:
        """(B, T) what the most similar customers bought, by the cosine to each and its decay.

        Args:
            entries: What each user bought.
            weights: (E,) decayed purchases.
            digests: (B,) `user_digest` of each user.
        """
        alike = entries.times(weights, self._by_item)  # (B, C) times the length of each user
        users = np.repeat(np.arange(len(digests)), np.diff(alike.indptr))
        squares = np.bincount(
            np.repeat(np.arange(len(digests)), np.diff(entries.starts)),
            np.square(weights, dtype=np.float64),
            minlength=len(digests),
        )
        values = alike.data / np.sqrt(np.maximum(squares, 1e-18))[users]
        if len(self._digests):
            at = np.minimum(np.searchsorted(self._digests, digests), len(self._digests) - 1)
            oneself = np.where(self._digests[at] == digests, self._order[at], -1)
            values[alike.indices == oneself[users]] = 0.0
        starts = [0]
        kept = []
        for begin, end in zip(alike.indptr[:-1].tolist(), alike.indptr[1:].tolist(), strict=True):
            row = values[begin:end]
            if len(row) > NEAREST:
                kept.append(begin + np.sort(np.argpartition(-row, NEAREST - 1)[:NEAREST]))
            else:
                kept.append(np.arange(begin, end))
            starts.append(starts[-1] + len(kept[-1]))
        chosen = np.concatenate(kept) if kept else np.empty(0, np.int64)
        nearest = Entries(np.array(starts), alike.indices[chosen])
        return nearest.times(values[chosen], self._bought)


def user_digest(user_id: str) -> int:
    """63 bits of a user's id: the folder of a ranker holds no ids."""
    digest = hashlib.blake2b(user_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 1
