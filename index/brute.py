"""Queries compared with all rows, or with some: where every exact answer comes from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from index.library import faiss
from index.threads import apply_threads

# From so many queries on, FAISS multiplies matrices; before, it goes row by row.
_QUERIES_A_PRODUCT = 20
# Rows copied together for one product: they stay in the cache until they are used.
_ROWS_A_BLOCK = 8_192


def nearest(
    vectors: NDArray[np.float32],
    queries: NDArray[np.float32],
    depth: int,
    rows: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The rows with the largest inner products, ties in any order.

    Few queries look at chosen rows where they are; for many these are copied together, some
    thousands at a time, and multiplied. At 10 % of 99,000 rows: 0.8 ms instead of 1.7 ms for one
    query and 16 ms instead of 94 ms for 64, compared with a FAISS bitmap selector.

    Args:
        vectors: (N, d) float32, C-contiguous.
        queries: (B, d) float32, C-contiguous.
        depth: At most the number of rows to choose from.
        rows: The rows to choose from, ascending; None = all.

    Returns:
        (B, depth) scores, descending, and (B, depth) rows.
    """
    apply_threads()
    if rows is None or len(queries) < _QUERIES_A_PRODUCT:
        return _compared(vectors, queries, depth, rows)
    scores = np.empty((len(queries), 0), dtype=np.float32)
    found = np.empty((len(queries), 0), dtype=np.int64)
    for start in range(0, len(rows), _ROWS_A_BLOCK):
        block = rows[start : start + _ROWS_A_BLOCK]
        more, places = _compared(vectors[block], queries, min(depth, len(block)), None)
        scores = np.concatenate([scores, more], axis=1)
        found = np.concatenate([found, block[places]], axis=1)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
        scores = np.take_along_axis(scores, best, axis=1)
        found = np.take_along_axis(found, best, axis=1)
    return scores, found


def _compared(
    vectors: NDArray[np.float32],
    queries: NDArray[np.float32],
    depth: int,
    rows: NDArray[np.int64] | None,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    library = faiss()
    n_queries, dim = queries.shape
    scores = np.empty((n_queries, depth), dtype=np.float32)
    found = np.empty((n_queries, depth), dtype=np.int64)
    if n_queries and depth:
        library.knn_inner_product(
            library.swig_ptr(queries),
            library.swig_ptr(vectors),
            dim,
            n_queries,
            len(vectors),
            depth,
            library.swig_ptr(scores),
            library.swig_ptr(found),
            None if rows is None else library.IDSelectorArray(len(rows), library.swig_ptr(rows)),
        )
    return scores, found


def best_of(
    vectors: NDArray[np.float32],
    queries: NDArray[np.float32],
    candidates: NDArray[np.int64],
    k: int,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Of each query's own candidates those with the largest inner products, ties in any order.

    Args:
        vectors: (N, d) float32, C-contiguous.
        queries: (B, d) float32, C-contiguous.
        candidates: (B, j) distinct rows, then -1.
        k: How many, at least 1.

    Returns:
        (B, min(j, k)) scores, descending, and rows, -1 where candidates run out.
    """
    apply_threads()
    library = faiss()
    n_queries, n_candidates = candidates.shape
    depth = min(k, n_candidates)
    scores = np.empty((n_queries, depth), dtype=np.float32)
    found = np.empty((n_queries, depth), dtype=np.int64)
    if candidates.size:
        library.knn_inner_products_by_idx(
            library.swig_ptr(queries),
            library.swig_ptr(vectors),
            library.swig_ptr(candidates),
            vectors.shape[1],
            n_queries,
            len(vectors),
            n_candidates,
            depth,
            library.swig_ptr(scores),
            library.swig_ptr(found),
            n_candidates,
        )
    return scores, found
