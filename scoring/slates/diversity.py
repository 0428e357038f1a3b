"""What an item gains or loses for being unlike those above it: MMR, DPP."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

_LEAST_VOLUME: Final = 1e-6


class Diversity(ABC):
    """Follows the lists of B users rank by rank.

    At each rank an item's worth is `relevance_share * score + bonus`, and `took` is told what was
    put there, which changes the bonus of all others.

    Attributes:
        share: Weight of the score.
        bonus: (B, C) at the rank that is filled next; 0 at the first.
    """

    def __init__(
        self, vectors: Sequence[NDArray[np.float32]], width: int, share: float, n_ranks: int
    ) -> None:
        """Nothing is in a list yet.

        Args:
            vectors: B arrays (C_b, d) of unit rows.
            width: C, at least every C_b.
            share: Weight of the score against diversity, 0 to 1.
            n_ranks: Length of a list.
        """
        self.share = share
        self.bonus = np.zeros((len(vectors), width))
        self._vectors = vectors
        self._n_ranks = n_ranks

    def took(self, places: NDArray[np.int64], exists: NDArray[np.bool_]) -> None:
        """The next rank of every list that still goes on.

        Args:
            places: (B,) what was put there.
            exists: (B,) False where a list has ended; its place means nothing.
        """
        cosines = np.zeros(self.bonus.shape)
        for user in np.flatnonzero(exists).tolist():
            rows = self._vectors[user]
            # One product with a vector a rank: all pairs would be ten times the work.
            cosines[user, : len(rows)] = rows @ rows[places[user]]
        self._follow(cosines, places)

    @abstractmethod
    def _follow(self, cosines: NDArray[np.float64], places: NDArray[np.int64]) -> None:
        """Set the bonus anew, given the (B, C) cosines to what was taken at (B,) places."""


class MarginalRelevance(Diversity):
    """`s * score - (1 - s) * largest cosine to an item above`.

    (Carbonell & Goldstein, SIGIR 1998).
    """

    _is_empty = True

    def _follow(self, cosines: NDArray[np.float64], places: NDArray[np.int64]) -> None:
        penalty = (self.share - 1.0) * cosines
        # With nothing above there is no term at all, and not one of 0: all may be opposites.
        self.bonus = penalty if self._is_empty else np.minimum(self.bonus, penalty)
        self._is_empty = False


class DeterminantalProcess(Diversity):
    """Greedy MAP of a DPP in O(C n) a rank (Chen, Zhang & Zhou, NeurIPS 2018, algorithm 1).

    Maximises `s * sum of scores + (1 - s) * log det of the list's Gram matrix` (their equation 13):
    an item's bonus is (1 - s) * log d², d² being what is left of its length beside those above it,
    from an incremental Cholesky factor. An exact copy of an item above has d² = 1e-6, not 0, and
    where nothing more is left of an item it takes nothing from the others: to divide by so little
    makes of rounding, rank after rank, more than a float holds.
    """

    def __init__(
        self, vectors: Sequence[NDArray[np.float32]], width: int, share: float, n_ranks: int
    ) -> None:
        """Every item has its whole length."""
        super().__init__(vectors, width, share, n_ranks)
        self._left = np.ones(self.bonus.shape)  # (B, C) d²
        self._factors = np.zeros((n_ranks, *self.bonus.shape))  # (n, B, C)
        self._rank = 0

    def _follow(self, cosines: NDArray[np.float64], places: NDArray[np.int64]) -> None:
        users = np.arange(len(places))
        above = self._factors[: self._rank]  # (r, B, C)
        of_taken = above[:, users, places]  # (r, B)
        length = np.sqrt(self._left[users, places])[:, None]  # (B, 1)
        row = cosines
        for theirs, factors in zip(of_taken, above, strict=True):
            row = row - theirs[:, None] * factors
        spent = self._left <= _LEAST_VOLUME
        row = np.where(spent | spent[users, places][:, None], 0.0, row / length)
        self._factors[self._rank] = row
        self._rank += 1
        self._left = np.maximum(self._left - row * row, _LEAST_VOLUME)
        self.bonus = (1.0 - self.share) * np.log(self._left)


KINDS: Final[dict[str, type[Diversity]]] = {
    "mmr": MarginalRelevance,
    "dpp": DeterminantalProcess,
}
