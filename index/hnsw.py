"""HNSW: a navigable small-world graph over the rows (Malkov & Yashunin, TPAMI 2020)."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from index.engine import Engine, Parameters
from index.library import faiss
from index.ranking import finish
from index.threads import apply_threads

Storage = Literal["sq8", "fp16", "fp32"]


@dataclass(frozen=True, slots=True)
class HnswParameters:
    """How a graph is built, and how hard it is searched. Defaults: docs/benchmarks-index.md.

    Attributes:
        m: Links of a row; twice as many on the lowest layer.
        ef_construction: Rows kept in view while a row is linked.
        ef_search: Rows kept in view during a search (at least k are). More: better recall, slower.
        storage: What the graph keeps a row as. ``sq8`` (8 bits a value) is the fastest and
            smallest; its scores are within 0.005 of the cosine.
    """

    m: int = 16
    ef_construction: int = 100
    ef_search: int = 100
    storage: Storage = "sq8"


class HnswEngine(Engine):
    """Approximate search whose cost grows with the logarithm of the number of rows."""

    name: ClassVar[str] = "hnsw"
    exact: ClassVar[bool] = False

    def __init__(self, graph: Any, parameters: HnswParameters) -> None:
        """Serve a graph that FAISS has made or read.

        Args:
            graph: A ``faiss.IndexHNSW`` with inner product.
            parameters: What it was built with; ``ef_search`` may be another.
        """
        self._graph = graph
        self._parameters = parameters
        # Handed to each call, so that two engines with another effort may share a graph.
        self._effort = faiss().SearchParametersHNSW(efSearch=parameters.ef_search)

    @classmethod
    def empty(cls, dim: int, parameters: HnswParameters) -> HnswEngine:
        """A graph without rows: ``train`` it, then ``add`` to it.

        Args:
            dim: Width of a vector.
            parameters: How to build it.
        """
        library = faiss()
        metric = library.METRIC_INNER_PRODUCT
        if parameters.storage == "fp32":
            graph = library.IndexHNSWFlat(dim, parameters.m, metric)
        else:
            values = library.ScalarQuantizer
            value = values.QT_8bit if parameters.storage == "sq8" else values.QT_fp16
            graph = library.IndexHNSWSQ(dim, value, parameters.m, metric)
        graph.hnsw.efConstruction = parameters.ef_construction
        return cls(graph, parameters)

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return int(self._graph.d)

    @property
    def count(self) -> int:
        """Number of rows."""
        return int(self._graph.ntotal)

    @property
    def parameters(self) -> Parameters:
        """All fields of ``HnswParameters``."""
        return asdict(self._parameters)

    def train(self, sample: NDArray[np.float32]) -> None:
        """Learn the range of each dimension, which 8-bit storage needs.

        Args:
            sample: (n, dim) float32, C-contiguous rows like those to come.
        """
        apply_threads()
        self._graph.train(sample)

    def add(self, rows: NDArray[np.float32]) -> None:
        """Link rows behind those that are there. Not while others search.

        Args:
            rows: (n, dim) float32, C-contiguous.
        """
        apply_threads()
        self._graph.add(rows)

    def search(
        self, queries: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """An approximate top-k. See ``Engine.search``."""
        apply_threads()
        library = faiss()
        n_queries = len(queries)
        found = min(k, self.count)
        scores = np.empty((n_queries, found), dtype=np.float32)
        positions = np.empty((n_queries, found), dtype=np.int64)
        if n_queries and found:
            self._graph.search_c(
                n_queries,
                library.swig_ptr(queries),
                found,
                library.swig_ptr(scores),
                library.swig_ptr(positions),
                self._effort,
            )
        return finish(scores, positions, k)

    def write(self, path: Path) -> None:
        """Write the graph and its rows as a FAISS file."""
        faiss().write_index(self._graph, str(path))
        with path.open("rb") as file:
            os.fsync(file.fileno())
