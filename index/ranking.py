"""Shapes a FAISS answer into the contract: k columns, ties in order of position."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def finish(
    scores: NDArray[np.float32], positions: NDArray[np.int64], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Order ties by position, and pad to k columns.

    FAISS leaves equal scores in the order of its heap, and marks a missing result with position -1
    and a score that depends on the engine.

    Args:
        scores: (B, j) float32, descending, j <= k, C-contiguous. Overwritten.
        positions: (B, j) int64, -1 where there is no result, those last, C-contiguous. Overwritten.
        k: Columns wanted.

    Returns:
        (B, k) scores and (B, k) positions.
    """
    n_queries, found = scores.shape
    if found and _some_missing(positions):
        scores[positions < 0] = -np.inf
    _order_ties(scores, positions)
    if found == k:
        return scores, positions
    wide_scores = np.full((n_queries, k), -np.inf, dtype=np.float32)
    wide_positions = np.full((n_queries, k), -1, dtype=np.int64)
    wide_scores[:, :found] = scores
    wide_positions[:, :found] = positions
    return wide_scores, wide_positions


def _some_missing(positions: NDArray[np.int64]) -> bool:
    """Whether a query has fewer results than columns: what is missing comes last."""
    if len(positions) == 1:  # in a third of the time, as it takes no comparison of arrays
        return bool(positions[0, -1] < 0)
    return bool(np.count_nonzero(positions[:, -1] < 0))


def _order_ties(scores: NDArray[np.float32], positions: NDArray[np.int64]) -> None:
    """Sort positions, in place, within each run of equal scores of a query.

    Few finds belong to a run: those are sorted, all runs of all queries at once. A single query has
    all of its finds sorted if any belongs to one: in a cold cache the steps count, not their size.
    """
    if not scores.size:
        return
    if len(scores) == 1:
        if np.count_nonzero(scores[0, 1:] == scores[0, :-1]):
            positions[0] = positions[0, np.lexsort((positions[0], -scores[0]))]
        return
    width = scores.shape[1]
    flat_scores = scores.reshape(-1, copy=False)
    flat = positions.reshape(-1, copy=False)
    tied = flat_scores[1:] == flat_scores[:-1]  # to the one before
    tied[width - 1 :: width] = False  # which is another query's
    if not np.count_nonzero(tied & (flat[1:] < flat[:-1])):
        return
    as_before = np.zeros(len(flat), np.bool_)
    as_before[1:] = tied
    in_run = as_before.copy()
    in_run[:-1] |= tied
    cells = np.flatnonzero(in_run)
    found = flat[cells]
    flat[cells] = found[np.lexsort((found, (~as_before[cells]).cumsum()))]
