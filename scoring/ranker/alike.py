"""Customers who bought alike: a sample of them in the ranker's folder, asked like a table."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from scoring.ranker.sales import DAY_MS, Sales
from scoring.ranker.speaking import AT_ONCE, Entries, Pattern, Sums, largest

HALF_LIFE_DAYS: Final = 45.0
NEAREST: Final = 80
"""Customers who are listened to."""

_ROOM: Final = 1 << 22
"""Numbers that are laid out at once, one for each user and customer: 16 MB."""


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
            customers: The sample, C of them.
            n_items: T rows of the ranker's items.
        """
        weights, n_bought = customers.weights, np.diff(customers.starts)
        count = len(n_bought)
        owners = np.repeat(np.arange(count), n_bought)
        squares = np.bincount(owners, weights.astype(np.float64) ** 2, minlength=count)
        lengths = np.sqrt(np.maximum(squares, 1e-18)).astype(np.float32)
        of_length_1: NDArray[np.float32] = weights / lengths[owners]
        order = np.argsort(customers.items, kind="stable")
        by_item = np.searchsorted(customers.items[order], np.arange(n_items + 1))
        self._who_bought = Pattern(by_item, owners[order], count)  # (T, C)
        self._shares = of_length_1[order]
        self._bought = Pattern(customers.starts, customers.items.astype(np.int64), n_items)
        self._pieces = np.minimum(weights, np.float32(1.0))
        self._order = np.argsort(customers.digests)
        self._digests = customers.digests[self._order]

    def add(
        self,
        entries: Entries,
        weights: NDArray[np.floating],
        digests: NDArray[np.int64],
        into: NDArray[np.float32],
    ) -> None:
        """Add what the most similar customers bought, by the cosine to each and its decay.

        Args:
            entries: What each of B users bought.
            weights: (E,) decayed purchases.
            digests: (B,) `user_digest` of each user.
            into: (B, T) contiguous.
        """
        if len(self._digests):
            at_once = min(AT_ONCE, max(_ROOM // len(self._digests), 1))
            for users, chosen, some in entries.parts(at_once):
                self._add(some, weights[chosen], digests[users], into[users])

    def _add(
        self,
        entries: Entries,
        weights: NDArray[np.floating],
        digests: NDArray[np.int64],
        into: NDArray[np.float32],
    ) -> None:
        """The same for users who have room at once."""
        users, n_customers = np.arange(len(digests)), len(self._digests)
        alike = np.zeros((len(users), n_customers), np.float32)  # times the length of each user
        sums = Sums(entries, self._who_bought)
        sums.add(weights, sums.met(self._shares), alike)
        at = np.minimum(np.searchsorted(self._digests, digests), n_customers - 1)
        known = self._digests[at] == digests
        alike[users[known], self._order[at[known]]] = 0.0
        nearest, found = largest(alike, min(NEAREST, n_customers))
        owners = np.repeat(users, np.diff(entries.starts))
        squares = np.bincount(owners, np.square(weights, dtype=np.float64), minlength=len(users))
        cosines = found / np.sqrt(np.maximum(squares, 1e-18))[:, None]
        there = cosines > 0
        starts = np.concatenate([[0], there.sum(axis=1).cumsum()])
        sums = Sums(Entries(starts, nearest[there]), self._bought)
        sums.add(cosines[there], sums.met(self._pieces), into)


def user_digest(user_id: str) -> int:
    """63 bits of a user's id: the folder of a ranker holds no ids."""
    digest = hashlib.blake2b(user_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 1
