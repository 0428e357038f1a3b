"""HNSW: a navigable small-world graph over the rows (Malkov & Yashunin, TPAMI 2020), stored in 8 bits a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from index.engine import Engine, Parameters
from index.ranking import finish
from index.threads import apply_threads

if TYPE_CHECKING:
    from numpy.typing import NDArray

Storage = Literal["sq8", "fp16", "fp32"]


@dataclass(frozen=True, slots=True)
class HnswParameters:
    """How a graph is built, and how hard it is searched.

    Attributes:
        m: Links a row; twice as many on the lowest layer.
        ef_construction: Rows kept in view while a row is linked.
        ef_search: Rows kept in view during a search, at least k are. More = better recall, slower.
        storage: What a row is kept as. ``sq8`` takes d bytes, its scores are within 0.005 of the cosine.
    """

    m: int = 24
    ef_construction: int = 100
    ef_search: int = 100
    storage: Storage = "sq8"


class HnswEngine(Engine):
    """Approximate search whose cost grows with the logarithm of the corpus."""

    name: ClassVar[str] = "hnsw"
    exact: ClassVar[bool] = False

    def __init__(self, graph: Any, parameters: HnswParameters) -> None:  # FAISS has no usable types
        """Serve a graph that FAISS has built or read.

        Args:
            graph: A ``faiss.IndexHNSW`` with inner product.
            parameters: What it was built with; ``ef_search`` may differ.
        """
        import faiss

        self.graph = graph
        self._search = faiss.SearchParametersHNSW(efSearch=parameters.ef_search)
        self._m = parameters
        self.dim = int(graph.d)

    @classmethod
    def empty(cls, dim: int, parameters: HnswParameters) -> HnswEngine:
        """A graph without rows, to be trained and added to.

        Args:
            dim: Width of a vector.
            parameters: How to build it.
        """
        import faiss

        metric = faiss.METRIC_INNER_PRODUCT
        if parameters.storage == "fp32":
            graph = faiss.IndexHNSWFlat(dim, parameters.m, metric)
        else:
            kinds = {"sq8": faiss.ScalarQuantizer.QT_8bit, "fp16": faiss.ScalarQuantizer.QT_fp16}
            graph = faiss.IndexHNSWSQ(dim, kinds[parameters.storage], parameters.m, metric)
        graph.hnsw.efConstruction = parameters.ef_construction
        graph.hnsw.efSearch = parameters.ef_search
        return cls(graph, parameters)

    @property
    def count(self) -> int:  # type: ignore[override]  # grows while it is built
        """Number of rows."""
        return int(self.graph.ntotal)

    @property
    def parameters(self) -> Parameters:  # type: ignore[override]
        """As a manifest records them."""
        return {
            "m": self._m.m,
            "ef_construction": self._m.ef_construction,
            "ef_search": self._m.ef_search,
            "storage": self._m.storage,
        }

    def train(self, sample: NDArray[np.float32]) -> None:
        """Learn the value range of each dimension (8-bit storage only).

        Args:
            sample: (n, dim) rows like those to come.
        """
        apply_threads()
        self.graph.train(sample)

    def add(self, rows: NDArray[np.float32]) -> None:
        """Link rows behind those that are there; not while others search.

        Args:
            rows: (n, dim) float32, C-contiguous.
        """
        apply_threads()
        self.graph.add(rows)

    def search(
        self, queries: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Approximate top-k. See ``Engine.search``."""
        import faiss

        apply_threads()
        n_queries = queries.shape[0]
        found = min(k, self.count)
        scores = np.empty((n_queries, found), dtype=np.float32)
        positions = np.empty((n_queries, found), dtype=np.int64)
        if n_queries and found:
            self.graph.search_c(
                n_queries,
                faiss.swig_ptr(queries),
                found,
                faiss.swig_ptr(scores),
                faiss.swig_ptr(positions),
                self._search,
            )
        return finish(scores, positions, k)
