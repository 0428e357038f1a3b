"""What was bought, by whom and in which basket, as columns: what tables are learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Sales:
    """n lines in order of time; returns are none.

    Attributes:
        item_ids: T items.
        user_ids: U users.
        users: (n,) rows of users.
        baskets: (n,) numbers of baskets, each of one user, ascending with their beginnings.
        items: (n,) rows of items.
        at_ms: (n,) when.
    """

    item_ids: list[str]
    user_ids: list[str]
    users: NDArray[np.int64]
    baskets: NDArray[np.int64]
    items: NDArray[np.int64]
    at_ms: NDArray[np.int64]

    def between(self, from_ms: float, until_ms: float) -> Sales:
        """Those of a time; the same rows of items and users."""
        kept = (self.at_ms >= from_ms) & (self.at_ms < until_ms)
        columns = (self.users, self.baskets, self.items, self.at_ms)
        return Sales(self.item_ids, self.user_ids, *(column[kept] for column in columns))

    def of_best_sold(self, most: int) -> Sales:
        """Those of the items with most lines, and these items only; equal ones in order of row."""
        counts = np.bincount(self.items, minlength=len(self.item_ids))
        kept = np.sort(np.argsort(-counts, kind="stable")[:most])
        kept = kept[counts[kept] > 0]
        rows = np.full(len(self.item_ids), -1, np.int64)
        rows[kept] = np.arange(len(kept))
        there = rows[self.items] >= 0
        return Sales(
            [self.item_ids[each] for each in kept.tolist()],
            self.user_ids,
            self.users[there],
            self.baskets[there],
            rows[self.items[there]],
            self.at_ms[there],
        )
