"""Queries compared with all rows, or with some: where every exact answer comes from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from index.library import PRODUCT_FROM, faiss
from index.threads import apply_threads

# Rows copied together for one product: they stay in the cache until they are used.
_ROWS_A_BLOCK = 8_192


def nearest(
    vectors: NDArray[np.float32],
    queries: NDArray[np.float32],
    depth: int,
    rows: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
    """The rows with the largest inner products, ties in any order.

    Few queries look at chosen rows where they are; for many these are copied together, some
    thousands at a time, and multiplied. At 10 % of 99,000 rows: 0.8 ms instead of 1.7 ms for one
    query and 16 ms instead of 94 ms for 64, compared with a FAISS bitmap selector.

    A product of matrices rounds by where in it a row stands: equal rows score alike to some 2e-6
    only. So what it finds is scored again row by row, and a score is the same to the last bit
    whichever queries are asked together.

    Args:
        vectors: (N, d) float32 rows of length 1 at most, C-contiguous.
        queries: (B, d) float32, C-contiguous.
        depth: At most the number of rows to choose from.
        rows: The rows to choose from, ascending; None = all.

    Returns:
        (B, depth) scores, descending, and (B, depth) rows; (B,) what a row that is not among
        them scores at most.
    """
    apply_threads()
    n_queries, dim = queries.shape
    n_rows = len(vectors) if rows is None else len(rows)
    if n_queries * dim < PRODUCT_FROM:
        scores, found = _compared(vectors, queries, depth, rows)
        return scores, found, _last(scores, depth == n_rows)
    if rows is None:
        scores, found = _compared(vectors, queries, depth, None)
    else:
        scores, found = _in_blocks(vectors, queries, depth, rows)
    # Both ways of adding up d products are off by d / 2 roundings at most.
    error = dim * np.finfo(np.float32).eps * np.linalg.norm(queries, axis=1)
    most = _last(scores, depth == n_rows) + error
    return *best_of(vectors, queries, found, depth), most


def _last(scores: NDArray[np.float32], nothing_left: bool) -> NDArray[np.float32]:
    """(B,) the lowest of (B, depth) descending scores, -inf where there are no others."""
    if nothing_left or not scores.shape[1]:
        return np.full(len(scores), -np.inf, np.float32)
    return scores[:, -1]


def _in_blocks(
    vectors: NDArray[np.float32],
    queries: NDArray[np.float32],
    depth: int,
    rows: NDArray[np.int64],
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The chosen rows copied together, some thousands at a time."""
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
