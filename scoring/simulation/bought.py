"""The last purchases of each user: what counts as bought before."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

REMEMBERED: Final = 16
"""Purchases of a user that count."""


class Bought:
    """Of B users, the newest in the place of the oldest.

    Attributes:
        counts: (B,) int64, purchases so far, forgotten ones among them.
    """

    def __init__(self, n_users: int) -> None:
        self._places = np.full((n_users, REMEMBERED), -1, np.int64)
        self.counts = np.zeros(n_users, np.int64)

    def before(self, users: NDArray[np.int64], places: NDArray[np.int64]) -> NDArray[np.float64]:
        """(b, K) 1.0 where a user of (b,) has bought what stands in (b, K), else 0."""
        found = np.zeros(places.shape, np.bool_)
        for slot in range(REMEMBERED):
            found |= places == self._places[users, slot, None]
        return found.astype(np.float64)

    def add(self, users: NDArray[np.int64], places: NDArray[np.int64]) -> None:
        """(R,) purchases, in their order."""
        for user, place in zip(users, places, strict=True):
            self._places[user, self.counts[user] % REMEMBERED] = place
            self.counts[user] += 1
