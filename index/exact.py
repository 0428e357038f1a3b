"""Exact search: every row is compared. The oracle of all other engines, and the fastest for small corpora."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from index.engine import Engine, Parameters
from index.ranking import finish
from index.threads import apply_threads

if TYPE_CHECKING:
    from numpy.typing import NDArray


class ExactEngine(Engine):
    """Inner product with all rows, in place.

    It reads the vectors where they are (usually the memory map of a version's ``vectors.npy``) and keeps no
    copy, so that all workers of a machine share one page cache. It has therefore no file of its own.
    """

    name: ClassVar[str] = "exact"
    exact: ClassVar[bool] = True

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        """Search these rows.

        Args:
            vectors: (N, d) float32, C-contiguous. Not copied: the caller must not write into it.
        """
        self.count, self.dim = vectors.shape
        self.parameters: Parameters = {}
        self._vectors = vectors

    def search(
        self, queries: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Top-k of each query by exhaustive inner product. See ``Engine.search``."""
        import faiss

        apply_threads()
        n_queries = queries.shape[0]
        found = min(k, self.count)
        scores = np.empty((n_queries, found), dtype=np.float32)
        positions = np.empty((n_queries, found), dtype=np.int64)
        if n_queries and found:
            faiss.knn_inner_product(
                faiss.swig_ptr(queries),
                faiss.swig_ptr(self._vectors),
                self.dim,
                n_queries,
                self.count,
                found,
                faiss.swig_ptr(scores),
                faiss.swig_ptr(positions),
            )
        return finish(scores, positions, k)
