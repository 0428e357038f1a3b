"""IVF-PQ: lists of 4-bit codes, and exact scores for the best (Jégou et al., TPAMI 2011)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from index.brute import best_of
from index.checks import check_bounds
from index.engine import Engine, Parameters
from index.exact import ExactEngine
from index.ivfpq_parts import IvfPqParts
from index.library import faiss
from index.ranking import finish
from index.threads import apply_threads

# So many rows are compared in the time in which one more list is looked through.
_ROWS_A_LIST = 10
# Results looked for beyond k: the first few would otherwise have few rows to be chosen from.
_MORE = 10


@dataclass(frozen=True, slots=True)
class IvfPqParameters:
    """How rows are kept, and how many are looked at. Defaults: docs/benchmarks-index.md.

    Attributes:
        lists: Into how many lists like rows are put; 0 = as fits their number.
        probes: Lists that a search looks through.
        values_a_code: So many values of a row share a code of 4 bits: 2 makes a row of 384 values
            96 bytes. Fewer where the width is no multiple.
        refine: So many times (k + 10) rows get their exact scores, from the version's vectors.
    """

    lists: int = 0
    probes: int = 64
    values_a_code: int = 2
    refine: int = 4

    def __post_init__(self) -> None:
        """Refuse what FAISS would crash on.

        Raises:
            ValueError: A number is out of range.
        """
        check_bounds(
            self,
            {
                "lists": (0, 1 << 20),
                "probes": (1, 1 << 20),
                "values_a_code": (1, 64),
                "refine": (1, 1_000),
            },
        )

    def n_codes(self, dim: int) -> int:
        """Codes of a row of this width."""
        return dim // max(v for v in range(1, self.values_a_code + 1) if dim % v == 0)


class IvfPqEngine(Engine):
    """Approximate search in a quarter of the memory, built in a quarter of the time of a graph.

    Codes choose some times k rows; those are read from the vectors and scored exactly, so
    scores are cosines to the last bit, and all workers of a machine share what they read.
    """

    name: ClassVar[str] = "ivfpq"
    exact: ClassVar[bool] = False

    def __init__(
        self, parts: IvfPqParts, parameters: IvfPqParameters, vectors: NDArray[np.float32]
    ) -> None:
        """Serve these lists.

        Args:
            parts: Built or read.
            parameters: What they were built with.
            vectors: (N, d) float32 unit rows, in order of position.
        """
        self._parts = parts
        self._parameters = parameters
        self._vectors = vectors
        self._exact = ExactEngine(vectors)
        self._lists, self._quantizer = parts.searchable()

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return int(self._vectors.shape[1])

    @property
    def count(self) -> int:
        """Number of rows."""
        return len(self._vectors)

    @property
    def parameters(self) -> Parameters:
        """All fields of ``IvfPqParameters``, ``lists`` as many as there are."""
        return {**asdict(self._parameters), "lists": len(self._parts.centroids)}

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        effort: float = 1.0,
        allowed: NDArray[np.bool_] | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """An approximate top-k; exact where few rows are allowed. See ``Engine.search``."""
        probes = effort * self._parameters.probes
        if allowed is not None:
            n_allowed = max(1, int(np.count_nonzero(allowed)))
            probes *= self.count / n_allowed
            if n_allowed <= _ROWS_A_LIST * probes:
                return self._exact.search(queries, k, allowed=allowed)
        candidates = self._candidates(queries, k, probes, allowed)
        best = best_of(self._vectors, queries, candidates, k)
        scores, positions = finish(*best, k)
        self._exact.complete(queries, scores, positions, allowed)
        return scores, positions

    def _candidates(
        self,
        queries: NDArray[np.float32],
        k: int,
        probes: float,
        allowed: NDArray[np.bool_] | None,
    ) -> NDArray[np.int64]:
        """(B, j) positions that may be among the best, -1 = none."""
        apply_threads()
        library = faiss()
        n_queries = len(queries)
        depth = min((k + _MORE) * self._parameters.refine, self.count)
        found = np.empty((n_queries, depth), dtype=np.int64)
        if n_queries and depth:
            n_lists = len(self._parts.centroids)
            n_probes = max(1, round(min(probes, n_lists)))
            if allowed is None:
                how = _without_mask(n_probes)
            else:
                how = library.IVFSearchParameters(nprobe=n_probes)
                bits = np.packbits(allowed, bitorder="little")
                how.sel = library.IDSelectorBitmap(len(allowed), library.swig_ptr(bits))
            scores = np.empty((n_queries, depth), dtype=np.float32)
            self._lists.search_c(
                n_queries,
                library.swig_ptr(queries),
                depth,
                library.swig_ptr(scores),
                library.swig_ptr(found),
                how,
            )
        return found

    def write(self, folder: Path) -> None:
        """Write the lists as arrays."""
        self._parts.write(folder)


@lru_cache(maxsize=64)
def _without_mask(n_probes: int) -> Any:
    """What FAISS takes with a call, see ``index.hnsw``; nobody changes it."""
    return faiss().IVFSearchParameters(nprobe=n_probes)
