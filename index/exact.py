"""Exact search: every row is compared. The oracle of all engines, the fastest for few items."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from index.brute import nearest
from index.engine import Engine, Parameters
from index.ranking import finish

# Results asked for beyond k, so that the few copies that most items have end within them.
_MORE = 8


class ExactEngine(Engine):
    """Inner product with all rows, in place.

    It reads the vectors where they are, usually in the memory map of a version's ``vectors.npy``,
    and keeps no copy: all workers of a machine share one page cache. So it has no file of its own.
    """

    name: ClassVar[str] = "exact"
    exact: ClassVar[bool] = True

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        """Search these rows.

        Args:
            vectors: (N, d) float32, C-contiguous. Not copied: nobody may write into it afterwards.
        """
        self._vectors = vectors
        self._count, self._dim = (int(size) for size in vectors.shape)

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self._dim

    @property
    def count(self) -> int:
        """Number of rows."""
        return self._count

    @property
    def parameters(self) -> Parameters:
        """It has none."""
        return {}

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        effort: float = 1.0,
        allowed: NDArray[np.bool_] | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The true top-k. See ``Engine.search``.

        Among rows with the score of the k-th, those of the lowest positions come back, so that
        every exact engine finds the same ids. (FAISS keeps any of them; hence some more are asked
        for, and where what is left may still reach the k-th, as many as it takes to be sure.)
        """
        rows = None if allowed is None else np.flatnonzero(allowed)
        n_rows = self.count if rows is None else len(rows)
        depth = min(k + _MORE, n_rows)
        scores, positions, left = nearest(self._vectors, queries, depth, rows)
        scores, positions = finish(scores, positions, max(k, depth))
        if depth <= k:
            return scores, positions
        unsure = np.flatnonzero(left >= scores[:, k - 1])
        scores, positions = scores[:, :k].copy(), positions[:, :k].copy()
        while len(unsure):
            depth = min(4 * depth, n_rows)
            more, rows_of, left = nearest(self._vectors, queries[unsure], depth, rows)
            more, rows_of = finish(more, rows_of, depth)
            scores[unsure], positions[unsure] = more[:, :k], rows_of[:, :k]
            unsure = unsure[left >= more[:, k - 1]]
        return scores, positions

    def write(self, folder: Path) -> None:
        """Write nothing: the vectors are all it needs."""

    def complete(
        self,
        queries: NDArray[np.float32],
        scores: NDArray[np.float32],
        positions: NDArray[np.int64],
        allowed: NDArray[np.bool_] | None = None,
    ) -> None:
        """Search again where an approximate engine found fewer rows than it owes.

        Args:
            queries: (B, d).
            scores: (B, k) as that engine found them. Overwritten.
            positions: (B, k) likewise.
            allowed: As in ``search``.
        """
        k = positions.shape[1]
        owed = min(k, self.count if allowed is None else int(np.count_nonzero(allowed)))
        if owed and np.count_nonzero(short := positions[:, owed - 1] < 0):
            scores[short], positions[short] = self.search(queries[short], k, allowed=allowed)
