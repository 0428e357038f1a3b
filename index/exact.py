"""Exact search: every row is compared. The oracle of all engines, the fastest for few items."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from index.engine import Engine, Parameters
from index.library import faiss
from index.ranking import finish
from index.threads import apply_threads

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
        self, queries: NDArray[np.float32], k: int, effort: float = 1.0
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The true top-k. See ``Engine.search``.

        Among rows with the score of the k-th, those of the lowest positions come back, so that
        every exact engine finds the same ids. (FAISS keeps any of them; hence some more are asked
        for, and where even the last ties with the k-th, as many as it takes to see the tie's end.)
        """
        depth = min(k + _MORE, self.count)
        scores, positions = finish(*self._nearest(queries, depth), max(k, depth))
        if depth <= k:
            return scores, positions
        unsure = np.flatnonzero(scores[:, -1] == scores[:, k - 1])
        scores, positions = scores[:, :k].copy(), positions[:, :k].copy()
        while len(unsure):
            depth = min(4 * depth, self.count)
            wide = finish(*self._nearest(queries[unsure], depth), depth)
            scores[unsure] = wide[0][:, :k]
            positions[unsure] = wide[1][:, :k]
            if depth == self.count:
                break
            unsure = unsure[wide[0][:, -1] == wide[0][:, k - 1]]
        return scores, positions

    def _nearest(
        self, queries: NDArray[np.float32], depth: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The ``depth`` best of at least as many rows, in any order of ties."""
        apply_threads()
        library = faiss()
        n_queries = len(queries)
        scores = np.empty((n_queries, depth), dtype=np.float32)
        positions = np.empty((n_queries, depth), dtype=np.int64)
        if n_queries and depth:
            library.knn_inner_product(
                library.swig_ptr(queries),
                library.swig_ptr(self._vectors),
                self.dim,
                n_queries,
                self.count,
                depth,
                library.swig_ptr(scores),
                library.swig_ptr(positions),
            )
        return scores, positions

    def write(self, folder: Path) -> None:
        """Write nothing: the vectors are all it needs."""
