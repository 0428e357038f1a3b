"""HNSW: a navigable small-world graph over the rows (Malkov & Yashunin, TPAMI 2020)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

import numpy as np
from numpy.typing import NDArray

from index.checks import check_bounds
from index.engine import Engine, Parameters
from index.exact import ExactEngine
from index.faiss_file import write_faiss
from index.groups import Groups
from index.library import faiss
from index.manifest import GROUPS_NAME, INDEX_NAME
from index.npy_file import write_array
from index.threads import apply_threads

Storage = Literal["sq8", "fp16", "fp32"]
VALUE_BYTES: Final[dict[Storage, int]] = {"sq8": 1, "fp16": 2, "fp32": 4}

# So many rows are compared in the time in which the graph keeps one more in view.
_ROWS_A_VISIT = 24


@dataclass(frozen=True, slots=True)
class HnswParameters:
    """How a graph is built, and how hard it is searched. Defaults: docs/benchmarks-index.md.

    Attributes:
        m: Links of a row; twice as many on the lowest layer.
        ef_construction: Rows kept in view while a row is linked.
        ef_search: Rows kept in view during a search, k at least. More: better recall, slower.
        storage: What the graph keeps a row as. ``sq8``, 8 bits a value, is the fastest and
            smallest; its scores are within 0.005 of the cosine.
    """

    m: int = 20
    ef_construction: int = 150
    ef_search: int = 100
    storage: Storage = "sq8"

    def __post_init__(self) -> None:
        """Refuse what FAISS would crash on.

        Raises:
            ValueError: A number is out of range.
        """
        check_bounds(
            self,
            {"m": (2, 512), "ef_construction": (1, 100_000), "ef_search": (1, 1_000_000)},
        )


class HnswEngine(Engine):
    """Approximate search whose cost grows with the logarithm of the number of rows."""

    name: ClassVar[str] = "hnsw"
    exact: ClassVar[bool] = False

    def __init__(
        self,
        graph: Any,
        groups: Groups,
        parameters: HnswParameters,
        vectors: NDArray[np.float32],
    ) -> None:
        """Serve a graph that FAISS has made or read.

        Args:
            graph: A ``faiss.IndexHNSW`` with inner product.
            groups: The rows behind its nodes.
            parameters: What it was built with; ``ef_search`` may be another.
            vectors: (N, d) float32 unit rows, compared one by one where few are allowed.
        """
        self._graph = graph
        self._groups = groups
        self._parameters = parameters
        self._exact = ExactEngine(vectors)

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return int(self._graph.d)

    @property
    def count(self) -> int:
        """Number of rows."""
        return self._groups.n_rows

    @property
    def parameters(self) -> Parameters:
        """All fields of ``HnswParameters``."""
        return asdict(self._parameters)

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        effort: float = 1.0,
        allowed: NDArray[np.bool_] | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """An approximate top-k; exact where few rows are allowed. See ``Engine.search``.

        The graph leads through rows that are not allowed, too, so it must keep so many more in
        view. Comparing all that are allowed is quicker from a sixth of 100,000 rows downwards.
        """
        nodes: NDArray[np.bool_] | None = None
        if allowed is not None:
            n_allowed = max(1, int(np.count_nonzero(allowed)))
            ef_search = effort * self._parameters.ef_search * self.count / n_allowed
            if n_allowed <= _ROWS_A_VISIT * ef_search:
                return self._exact.search(queries, k, allowed=allowed)
            nodes = self._groups.nodes_of(allowed)
            effort *= self.count / n_allowed
        scores, found = self._groups.spread(*self._nearest(queries, k, effort, nodes), k, allowed)
        self._exact.complete(queries, scores, found, allowed)
        return scores, found

    def _nearest(
        self, queries: NDArray[np.float32], k: int, effort: float, allowed: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Up to k nodes of each query, in any order of ties; -1 = none."""
        apply_threads()
        library = faiss()
        n_queries = len(queries)
        depth = min(k, self._groups.n_nodes)
        scores = np.empty((n_queries, depth), dtype=np.float32)
        nodes = np.empty((n_queries, depth), dtype=np.int64)
        if n_queries and depth:
            # FAISS sets memory aside for as many: more than all would be for nothing.
            most = min(effort * self._parameters.ef_search, self._groups.n_nodes)
            ef_search = max(1, round(most))
            if allowed is None:
                how = _without_mask(ef_search)
            else:
                bits = np.packbits(allowed, bitorder="little")
                how = library.SearchParametersHNSW(efSearch=ef_search)
                how.sel = library.IDSelectorBitmap(len(allowed), library.swig_ptr(bits))
            self._graph.search_c(
                n_queries,
                library.swig_ptr(queries),
                depth,
                library.swig_ptr(scores),
                library.swig_ptr(nodes),
                how,
            )
        return scores, nodes

    def write(self, folder: Path) -> None:
        """Write the graph as a FAISS file, and the groups of its nodes."""
        write_faiss(folder / INDEX_NAME, self._graph)
        write_array(folder / GROUPS_NAME, self._groups.offsets)


@lru_cache(maxsize=64)
def _without_mask(ef_search: int) -> Any:
    """What FAISS takes with a call, so that the graph itself stays as it is; nobody changes it.

    Made anew for each call, it would take as long as all that orders the answer.
    """
    return faiss().SearchParametersHNSW(efSearch=ef_search)
