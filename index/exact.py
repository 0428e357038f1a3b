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
        self, queries: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The true top-k. See ``Engine.search``."""
        apply_threads()
        library = faiss()
        n_queries = len(queries)
        found = min(k, self.count)
        scores = np.empty((n_queries, found), dtype=np.float32)
        positions = np.empty((n_queries, found), dtype=np.int64)
        if n_queries and found:
            library.knn_inner_product(
                library.swig_ptr(queries),
                library.swig_ptr(self._vectors),
                self.dim,
                n_queries,
                self.count,
                found,
                library.swig_ptr(scores),
                library.swig_ptr(positions),
            )
        return finish(scores, positions, k)

    def write(self, path: Path) -> None:
        """Write nothing: the vectors are all it needs."""
